// An origin's name, and name servers that fail, are slow, or say something else (F-13), through the real process.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { startDnsDouble } from '../support/dns-double.ts'
import type { DnsDouble } from '../support/dns-double.ts'
import { httpGet } from '../support/http-get.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'

const files = createConfigFiles()
/** Where requests arrived. */
const arrivedAt: string[] = []
let dns: DnsDouble
let origin: Server
let sluice: SluiceProcess

beforeAll(async () => {
  dns = await startDnsDouble()
  // Every address that begins with 127 is this machine.
  origin = await startOrigin('0.0.0.0')
  const sites = ['cold', 'slow', 'origin'].map((name) => ({
    name,
    hosts: [`${name}.test`],
    origins: [`http://${name}.test:${portOf(origin)}`],
  }))
  const config = files.write('dns.json', { sites, limits: { dnsTimeout: '500ms' } })
  sluice = await startSluice(['--config', config, '--dns', dns.address, '--breaker', 'off'])
})

afterAll(async () => {
  await sluice.finish()
  await dns.close()
  origin.close()
  files.remove()
})

async function startOrigin(host: string): Promise<Server> {
  const server = createServer((request, response) => {
    arrivedAt.push(request.socket.localAddress ?? '')
    // So that each request needs a connection, and that the name.
    response.writeHead(200, { 'Cache-Control': 'no-store', Connection: 'close' }).end('hello')
  })
  server.listen(0, host)
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function get(name: string) {
  return await httpGet(`${sluice.url}/file`, { headers: { Host: `${name}.test` } })
}

/** Asks for so long, one request after the other, and says what went wrong. */
async function askFor(ms: number): Promise<{ count: number; wrong: unknown[]; slowestMs: number }> {
  const untilMs = performance.now() + ms
  const wrong: unknown[] = []
  let [count, slowestMs] = [0, 0]
  while (performance.now() < untilMs) {
    const { status, elapsedMs, header } = await get('origin')
    count += 1
    slowestMs = Math.max(slowestMs, elapsedMs)
    if (status !== 200) wrong.push([status, header('cache-status')])
    await sleep(20)
  }
  return { count, wrong, slowestMs }
}

describe('a name that nobody knows yet', () => {
  it('and that does not exist is 502, and asked about once a second', async () => {
    dns.say({ failure: 'NXDOMAIN' })
    const before = dns.questionCount()
    const all = await Promise.all(Array.from({ length: 50 }, () => get('cold')))
    for (const { status, header } of all) {
      expect(status).toBe(502)
      expect(header('cache-status')).toContain('detail=dns_error')
    }
    // Both families, and all three attempts of every request, within a second or two.
    expect(dns.questionCount() - before).toBeLessThanOrEqual(8)
  })

  it('is 504 when the name servers take 30 s', async () => {
    dns.say({ delayMs: 30_000 })
    const { status, header, elapsedMs } = await get('slow')
    expect(status).toBe(504)
    expect(header('cache-status')).toContain('detail=dns_timeout')
    // Three attempts of half a second each.
    expect(elapsedMs).toBeLessThan(4000)
  })
})

describe('a name in use', () => {
  it('costs no request anything while the name servers fail', async () => {
    dns.say({ addresses: ['127.0.0.1'] })
    expect((await get('origin')).status).toBe(200)
    for (const failing of [
      { failure: 'NXDOMAIN' },
      { failure: 'SERVFAIL' },
      { delayMs: 30_000 },
      { addresses: [] },
    ] as const) {
      dns.say(failing)
      const before = dns.questionCount()
      const { count, wrong, slowestMs } = await askFor(1200)
      expect(wrong).toEqual([])
      expect(count).toBeGreaterThan(10)
      expect(slowestMs).toBeLessThan(900)
      // Both families, each perhaps twice, at most once a second; and some are left from before.
      expect(dns.questionCount() - before).toBeLessThanOrEqual(12)
    }
  })

  it('is followed to another address', async () => {
    dns.say({ addresses: ['127.0.0.2'] })
    await expect
      .poll(async () => {
        await get('origin')
        return arrivedAt.at(-1)
      })
      .toBe('127.0.0.2')
  })

  it('has three hundred addresses, which all are used', async () => {
    const many = Array.from({ length: 300 }, (_, i) => `127.1.${i >> 8}.${i & 255 || 1}`)
    dns.say({ addresses: many, ttlSeconds: 60 })
    await expect
      .poll(async () => {
        await get('origin')
        return arrivedAt.at(-1)
      })
      .toMatch(/^127\.1\./)
    expect(dns.tcpCount()).toBeGreaterThan(0)
    arrivedAt.length = 0
    for (let i = 0; i < 100; i += 1) await get('origin')
    expect(new Set(arrivedAt).size).toBeGreaterThan(95)
  })
})

describe('an address that does not answer', () => {
  it('is passed over for the next, within 300 ms (RFC 8305 §5)', async () => {
    const living = await startOrigin('127.2.0.2')
    const port = portOf(living)
    const stopHole = await startBlackHole('127.2.0.1', port)
    dns.say({ addresses: ['127.2.0.1', '127.2.0.2'], ttlSeconds: 60 })
    const config = files.write('dead.json', { limits: { originAttempts: 1 } })
    const named = ['--dns', dns.address, '--origin', `http://dead.test:${port}`]
    const own = await startSluice(['--config', config, ...named])
    try {
      const elapsed: number[] = []
      for (let i = 0; i < 6; i += 1) {
        const { status, elapsedMs } = await httpGet(`${own.url}/file`)
        expect(status).toBe(200)
        elapsed.push(elapsedMs)
      }
      // Every other connection begins with the dead one: half of them pay, and little more than the wait.
      expect(elapsed.filter((ms) => ms > 200).length).toBeGreaterThanOrEqual(3)
      expect(Math.max(...elapsed)).toBeLessThan(900)
    } finally {
      await own.finish()
      stopHole()
      living.close()
    }
  })
})

/** Listens and never accepts: whoever comes after the first few hears nothing. */
async function startBlackHole(host: string, port: number): Promise<() => void> {
  const where = JSON.stringify({ host, port, backlog: 1 })
  const script = `require('node:net').createServer().listen(${where}, () => console.log('ready'))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGSTOP')
  const fillers = Array.from({ length: 8 }, () =>
    connect({ port, host }).on('error', () => undefined),
  )
  await sleep(200)
  return () => {
    for (const filler of fillers) filler.destroy()
    child.kill('SIGKILL')
  }
}
