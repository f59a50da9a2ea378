// Start, readiness, drain and end of the real process (hazards 4.6, F-60).

import { Agent } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { createGate } from '../support/gate.ts'
import { httpGet } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import { rawRequest } from '../support/raw-client.ts'
import { runSluice, startSluice } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const files = createConfigFiles()
let origin: TestOrigin

beforeAll(async () => {
  origin = await startTestOrigin()
})

afterAll(async () => {
  await origin.close()
  files.remove()
})

beforeEach(() => {
  origin.reset()
  origin.put('/hit', { body: 'hit', fields: [['Cache-Control', 'max-age=60']] })
})

const HIT = 'GET /hit HTTP/1.1\r\nHost: a\r\n\r\n'

async function readiness(adminUrl: string): Promise<number> {
  return (await httpGet(`${adminUrl}/readyz`)).status
}

function saysThatItCannotGoOn(lines: readonly string[]): boolean {
  return lines.some((line) => /cannot go on/i.test(line))
}

describe('SIGTERM', () => {
  it('drains: not ready at once, accepting for a while, finishing what runs (F-60)', async () => {
    const sluice = await startSluice(['--origin', origin.url, '--drain-delay', '800ms'])
    const { port, adminUrl } = sluice
    expect(await readiness(adminUrl)).toBe(200)
    const gate = createGate()
    const script = [{ fault: 'gate-body', gate, afterBytes: MIB }] as const
    origin.put('/download', { sizeBytes: 4 * MIB, script })
    const download = httpGet(`${sluice.url}/download`)
    await gate.arrived()
    const idle = rawRequest({ port, bytes: HIT, until: 'close' })
    await sluice.untilAccess(1, ({ target }) => target === '/hit')

    const ended = sluice.stop('SIGTERM')
    await expect.poll(() => readiness(adminUrl), { interval: 10, timeout: 600 }).toBe(503)
    expect((await httpGet(`${adminUrl}/healthz`)).status).toBe(200)
    const late = await rawRequest({ port, bytes: HIT + HIT, until: 'close' })
    expect(late.responses.map(({ status }) => status)).toEqual([200])
    expect(late.responses[0]?.header('connection')).toBe('close')
    const closed = await idle
    expect(closed.ended).toBe('fin')
    expect(closed.responses).toHaveLength(1)
    expect(closed.elapsedMs).toBeGreaterThan(750)
    await expect(httpGet(`${sluice.url}/hit`)).rejects.toThrow('ECONNREFUSED')

    gate.release()
    const { body, complete } = await download
    expect(complete).toBe(true)
    const whole = { object: '/download', version: 1, startByte: 0, endByte: 4 * MIB }
    expect(checkOracle(body, whole)).toBeUndefined()
    const { code } = await ended
    expect(code).toBe(0)
    expect(saysThatItCannotGoOn(sluice.lines)).toBe(false)
    expect(sluice.accessLines().map(({ target }) => target)).toContain('/download')
  })

  it('loses no request of clients that heed readiness and Connection: close (F-60)', async () => {
    const sluice = await startSluice(['--origin', origin.url, '--drain-delay', '700ms'])
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    const failures: string[] = []
    let doneCount = 0
    let isAsking = true

    async function client(number: number): Promise<void> {
      for (let i = 0; isAsking; i += 1) {
        const target = i % 3 === 0 ? `/miss-${number}-${i}` : '/hit'
        if (target !== '/hit') origin.put(target, { body: 'miss' })
        const answer = await httpGet(sluice.url, { target, agent }).catch(String)
        const isRight = typeof answer !== 'string' && answer.complete && answer.status === 200
        if (isRight) doneCount += 1
        else failures.push(typeof answer === 'string' ? answer : `status ${answer.status}`)
      }
    }

    const clients = Array.from({ length: 20 }, (_, number) => client(number))
    await sleep(500)
    const ended = sluice.stop('SIGTERM')
    while ((await readiness(sluice.adminUrl)) === 200) await sleep(5)
    await sleep(300)
    isAsking = false
    await Promise.all(clients)
    expect((await ended).code).toBe(0)
    agent.destroy()
    expect(failures).toEqual([])
    expect(doneCount).toBeGreaterThan(500)
    expect(sluice.accessLines()).toHaveLength(doneCount)
  })

  it('a second time ends the process at once', async () => {
    const sluice = await startSluice(['--origin', origin.url, '--drain-delay', '30s'])
    sluice.signal('SIGTERM')
    await sleep(100)
    const { code, ms } = await sluice.stop('SIGTERM')
    expect(code).toBe(1)
    expect(ms).toBeLessThan(1000)
  })
})

describe('SIGINT', () => {
  it('ends without delay, idle connections too', async () => {
    const sluice = await startSluice(['--origin', origin.url, '--drain-delay', '30s'])
    const idle = rawRequest({ port: sluice.port, bytes: HIT, until: 'close' })
    await sluice.untilAccess(1)
    const { code, ms } = await sluice.stop('SIGINT')
    expect(code).toBe(0)
    expect(ms).toBeLessThan(1500)
    expect((await idle).ended).toBe('fin')
  })

  it('cuts what still runs after the drain timeout, visibly', async () => {
    const config = files.write('drain.json', { limits: { drainTimeout: '500ms' } })
    const sluice = await startSluice(['--origin', origin.url, '--config', config])
    origin.put('/endless', {
      sizeBytes: MIB,
      script: [{ fault: 'hang-body', afterBytes: 1000 }],
    })
    const download = httpGet(`${sluice.url}/endless`)
    while (origin.requests.length === 0) await sleep(5)
    await sleep(50)
    const { code, ms } = await sluice.stop('SIGINT')
    expect(code).toBe(0)
    expect(ms).toBeLessThan(2500)
    const { status, complete } = await download
    expect([status, complete]).toEqual([200, false])
  })
})

describe('start', () => {
  it.each(['--listen', '--admin'])(
    'says which address of %s is taken, and ends with 1',
    async (flag) => {
      const other = createServer().listen(0, '127.0.0.1')
      await new Promise((resolve) => other.once('listening', resolve))
      const { port } = other.address() as AddressInfo
      const free = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--disk', 'off']
      const { code, stderr, stdout } = await runSluice([
        'serve',
        ...free,
        flag,
        `127.0.0.1:${port}`,
        '--origin',
        origin.url,
      ])
      other.close()
      expect(code).toBe(1)
      expect(stderr).toContain(`127.0.0.1:${port}`)
      expect(stderr).toContain('another process listens there already')
      expect(stdout).not.toContain('sluice listening')
    },
  )

  it('picks ports of its own with port 0, and may do without the admin listener', async () => {
    const sluice = await startSluice(['--origin', origin.url, '--admin', 'off'])
    expect(sluice.adminUrl).toBe('')
    expect(sluice.port).toBeGreaterThan(0)
    expect((await httpGet(`${sluice.url}/hit`)).body.toString()).toBe('hit')
    await sluice.finish()
  })
})

describe('the reader of the log', () => {
  it('may go without taking the cache along (F-81)', async () => {
    const sluice = await startSluice(['--origin', origin.url])
    sluice.closeOutput()
    for (let i = 0; i < 5; i += 1) {
      expect((await httpGet(`${sluice.url}/hit`)).body.toString()).toBe('hit')
      await sleep(60)
    }
    const { code } = await sluice.stop('SIGINT')
    expect([code, sluice.stderr]).toEqual([0, []])
  })
})
