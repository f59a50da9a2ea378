// Clients over TLS that mean no good, or are in no state to: nobody else notices (T-84).

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'

import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'

import { createAuthority } from '../support/certificates.ts'
import { clientHello } from '../support/client-hello.ts'
import { concurrently } from '../support/concurrently.ts'
import { createConfigFiles } from '../support/config-file.ts'
import { describeWith, runProgram } from '../support/programs.ts'
import { startSlowRelay } from '../support/slow-relay.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { visitTls } from '../support/tls-client.ts'

const MIB = 1024 * 1024
const HANDSHAKE_MS = 1500
/** The default is ten seconds, Node's own two minutes. */
const IN_TIME_MS = 6000
const DRIP_MS = 100
const STALL_MS = 1200
const ROUND_COUNT = 20
const HALF_COUNT = 500
const FEW_COUNT = 20
const GARBAGE_COUNT = 1000
const GARBAGE_AT_ONCE = 100
/** Takes the relay about three seconds. */
const SLOW_BYTES = 1_400_000
const NO_STORE = [['Cache-Control', 'no-store']] as const

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess
let sites: object

interface End {
  readonly received: Buffer
  readonly ms: number
}

/** Sends bytes below TLS, and waits for the end that the server makes. */
async function sendRaw(bytes: Buffer): Promise<End> {
  const startedAtMs = performance.now()
  const socket = connect({ port: sluice.tlsPort, host: '127.0.0.1' })
  const received: Buffer[] = []
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  socket.write(bytes)
  await once(socket, 'close').catch(() => undefined)
  return { received: Buffer.concat(received), ms: performance.now() - startedAtMs }
}

/** The same byte by byte. */
async function drip(bytes: Buffer): Promise<End> {
  const startedAtMs = performance.now()
  const socket = connect({ port: sluice.tlsPort, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  socket.resume()
  let sentBytes = 0
  const dripping = setInterval(() => {
    socket.write(bytes.subarray(sentBytes, sentBytes + 1))
    sentBytes += 1
  }, DRIP_MS)
  await once(socket, 'close').catch(() => undefined)
  clearInterval(dripping)
  return { received: Buffer.alloc(0), ms: performance.now() - startedAtMs }
}

/** How many others are served meanwhile, one after the other, each over a connection of its own. */
async function countServed(): Promise<number> {
  let count = 0
  for (let i = 0; i < ROUND_COUNT; i += 1) {
    const { received } = await visitTls({ port: sluice.tlsPort, servername: 'a.test' })
    if (received.toString().startsWith('HTTP/1.1 404 ')) count += 1
  }
  return count
}

const handshakes = async (outcome: string) =>
  (await sluice.metrics()).value('sluice_tls_handshakes_total', { outcome })

describeWith(['openssl', 'curl', 'perl'], 'a listener with TLS', () => {
  beforeAll(async () => {
    origin = await startTestOrigin()
    origin.put('/missing', { status: 404, body: 'missing' })
    const a = createAuthority(files.directory).issue('a', ['a.test'])
    const limits = {
      handshakeTimeout: `${HANDSHAKE_MS}ms`,
      stallTimeout: `${STALL_MS}ms`,
    }
    sites = {
      sites: [
        { name: 'a', hosts: ['a.test'], origins: [origin.url], tls: a },
        { name: 'rest', origins: [origin.url] },
      ],
    }
    const config = files.write('tls.json', { ...sites, limits })
    sluice = await startSluice(['--config', config, '--tls-listen', '127.0.0.1:0'])
  })

  afterAll(async () => {
    await sluice.finish()
    await origin.close()
    files.remove()
  })

  it('serves others while handshakes stand still, and cuts these in time', async () => {
    const hello = await clientHello(Buffer.from('a.test'))
    const halves = Array.from({ length: HALF_COUNT }, (_, i) =>
      i % 2 === 0 ? sendRaw(hello) : i % 5 === 0 ? drip(hello) : sendRaw(hello.subarray(0, i / 2)),
    )
    expect(await countServed()).toBe(ROUND_COUNT)
    const ends = await Promise.all(halves)
    expect(Math.min(...ends.map(({ ms }) => ms))).toBeGreaterThan(HANDSHAKE_MS * 0.9)
    expect(Math.max(...ends.map(({ ms }) => ms))).toBeLessThan(IN_TIME_MS)
    expect(await handshakes('timeout')).toBe(HALF_COUNT)
  })

  it('serves others among garbage', async () => {
    const hello = await clientHello(Buffer.from('a.test'))
    const garbage = concurrently(Array(GARBAGE_COUNT).keys(), GARBAGE_AT_ONCE, async (i) => {
      const noise = randomBytes(200)
      // Noise, noise in a record, and a hello with some bytes wrong.
      const record = Buffer.concat([Buffer.from([22, 3, 1, 0, 200]), noise])
      const damaged = Buffer.from(hello)
      for (let at = 0; at < 8; at += 1) {
        damaged[noise.readUInt8(at) % damaged.byteLength] = noise.readUInt8(at + 8)
      }
      const socket = connect({ port: sluice.tlsPort, host: '127.0.0.1' })
      socket.on('error', () => undefined)
      socket.resume()
      socket.end([noise, record][i % 3] ?? damaged)
      await once(socket, 'close').catch(() => undefined)
    })
    expect(await countServed()).toBe(ROUND_COUNT)
    await garbage
    expect(await countServed()).toBe(ROUND_COUNT)
  })

  it.each([
    ['in upper case', Buffer.from('A.TEST')],
    ['with a dot at its end', Buffer.from('a.test.')],
  ])('serves who spells the name %s', async (_, name) => {
    const socket = connect({ port: sluice.tlsPort, host: '127.0.0.1' })
    socket.write(await clientHello(name))
    const [received] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    // A handshake message, ServerHello.
    expect([received[0], received[5]]).toEqual([22, 2])
  })

  it.each([
    ['is not known', Buffer.from('b.test'), 112],
    ['has a port', Buffer.from('b.test:443'), 112],
    ['has only dots', Buffer.from('...'), 112],
    ['has bytes above ASCII', Buffer.from([0xff, 0xc3, 0x28, 0x80]), 112],
    ['has line ends', Buffer.from('a.test\r\nHost: b'), 112],
    ['has 255 bytes', Buffer.alloc(255, 'x'), 112],
    // These OpenSSL refuses by itself.
    ['has 300 bytes', Buffer.alloc(300, 'x'), undefined],
    ['has a NUL', Buffer.from('a.test\0.b.test'), undefined],
    ['is empty', Buffer.alloc(0), undefined],
  ])('refuses who names a server that %s, with an alert', async (_, name, description) => {
    const { received } = await sendRaw(await clientHello(name))
    // Fatal; unrecognized_name is 112 (RFC 6066 §3).
    expect([received[0], received[5]]).toEqual([21, 2])
    expect(received[6]).toBe(description ?? received[6])
  })

  it('refuses who names no server where there is no certificate for these', async () => {
    const { problem } = await visitTls({ port: sluice.tlsPort, servername: '' })
    expect(problem).toBe('ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE')
    expect(await handshakes('unknown-name')).toBeGreaterThan(4)
  })

  it('cuts a client that takes nothing for the stall time (T-82)', async () => {
    origin.put('/stall', { sizeBytes: 64 * MIB, fields: NO_STORE })
    const options = { port: sluice.tlsPort, host: '127.0.0.1', servername: 'a.test' }
    const socket = connectTls({ ...options, rejectUnauthorized: false }).pause()
    socket.on('error', () => undefined)
    socket.write('GET /stall HTTP/1.1\r\nHost: a.test\r\n\r\n')
    const [line] = await sluice.untilAccess(1, ({ target }) => target === '/stall', 8000)
    socket.destroy()
    expect(line?.error).toContain('does not read')
    expect(line?.bytes).toBeLessThan(64 * MIB)
  })

  it('lets a client go on that takes a little all the time', async () => {
    origin.put('/slow', { sizeBytes: SLOW_BYTES, fields: [['Cache-Control', 'max-age=60']] })
    // Out of memory it is written in larger pieces than as it comes.
    const bytes = 'GET /slow HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n'
    await visitTls({ port: sluice.tlsPort, servername: 'a.test', bytes })
    const relay = await startSlowRelay(sluice.tlsPort, { chunkBytes: 4096, everyMs: 8 })
    const { received } = await visitTls({ port: relay.port, servername: 'a.test', bytes })
    await relay.ended
    expect(received.byteLength).toBeGreaterThanOrEqual(SLOW_BYTES)
    const [, line] = await sluice.untilAccess(2, ({ target }) => target === '/slow')
    expect(line?.error).toBeUndefined()
    expect(line?.ms).toBeGreaterThan(1.5 * STALL_MS)
  })

  it('never lets half an answer without a length look whole (RFC 9112 §9.8)', async () => {
    origin.put('/whole', { sizeBytes: 100_000, chunked: true, fields: NO_STORE })
    origin.put('/torn', {
      sizeBytes: 100_000,
      chunked: true,
      // Without a validator it cannot be continued.
      etag: false,
      lastModified: false,
      fields: NO_STORE,
      script: [{ fault: 'truncate', afterBytes: 50_000, end: 'fin', times: Infinity }],
    })
    const { tlsPort } = sluice
    const to = ['--connect-to', `a.test:443:127.0.0.1:${tlsPort}`]
    const at = (target: string) =>
      runProgram('curl', ['-sSk', '--http1.0', ...to, `https://a.test${target}`])
    const whole = await at('/whole')
    expect([whole.exitCode, whole.stdout.byteLength]).toEqual([0, 100_000])
    const torn = await at('/torn')
    expect(torn.exitCode).not.toBe(0)
    expect(torn.stderr).toMatch(/reset/i)
  })

  it('shares the limit of connections with the one without TLS', async () => {
    const config = files.write('few.json', { ...sites, limits: { connections: FEW_COUNT } })
    const few = await startSluice(['--config', config, '--tls-listen', '127.0.0.1:0'])
    onTestFinished(() => few.finish())
    const sockets = Array.from({ length: FEW_COUNT }, () =>
      connect({ port: few.port, host: '127.0.0.1' }).on('error', () => undefined),
    )
    // Each has its place once it has had an answer.
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: rest.test\r\n\r\n')
    await Promise.all(sockets.map((socket) => once(socket, 'data')))
    const problem = async () =>
      (await visitTls({ port: few.tlsPort, servername: 'a.test' })).problem
    expect(await problem()).toBe('ECONNRESET')
    for (const socket of sockets) socket.destroy()
    await vi.waitFor(async () => expect(await problem()).toBeUndefined(), 5000)
  })
})
