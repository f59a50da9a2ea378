// How long connections to an origin are used, and what becomes of a request that one of them does not outlive.

import type { Socket } from 'node:net'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import type { Upstream } from '#core/ports/upstream.ts'
import type { OriginTls } from '../../src/adapters/node/origin-tls.ts'
import { loadOriginTls } from '../../src/adapters/node/origin-tls.ts'
import type {
  UndiciUpstream,
  UndiciUpstreamOptions,
} from '../../src/adapters/node/undici-upstream.ts'
import { ask, failureOf } from '../support/ask.ts'
import { createCertificates } from '../support/origin-certificates.ts'
import { startRawOrigin, wire } from '../support/raw-origin.ts'
import type { RawOrigin } from '../support/raw-origin.ts'
import { connectTo } from '../support/socket-upstream.ts'

const HELLO = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'

const certificates = createCertificates()
const ending: (() => unknown)[] = []

afterAll(() => certificates.remove())
afterEach(async () => {
  for (const end of ending.splice(0)) await end()
})

async function textOf(upstream: Upstream, target: string): Promise<string> {
  return (await ask(upstream, target)).text
}

function connected(url: string, options: Partial<UndiciUpstreamOptions> = {}): UndiciUpstream {
  const upstream = connectTo(new URL(url), undefined, options)
  ending.push(() => upstream.close())
  return upstream
}

describe.each(['http', 'https'])('a kept connection over %s', (scheme) => {
  let url: string
  let heads: string[]
  let sockets: Socket[]
  let onHead: (socket: Socket) => void
  let upstream: UndiciUpstream
  let tls: OriginTls
  let stop: () => unknown

  function accept(socket: Socket): void {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      heads.push(chunk.toString('latin1').split('\r\n')[0] ?? '')
      onHead(socket)
    })
  }

  beforeAll(async () => {
    const { cert, key, certFile } = certificates.authority('origin')
    const server = scheme === 'http' ? createServer(accept) : createTlsServer({ cert, key }, accept)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    url = `${scheme}://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    tls = loadOriginTls({ ca: certFile }, 'tls')
    stop = () => server.close()
  })
  afterAll(() => stop())

  /** One connection, and it is idle. */
  async function warmUp(): Promise<Socket> {
    heads = []
    sockets = []
    upstream = connected(url, { tls })
    onHead = (socket) => void socket.write(HELLO)
    expect(await textOf(upstream, '/first')).toBe('hello')
    // undici takes a turn before it uses a connection again.
    await new Promise((resolve) => setTimeout(resolve, 5))
    const [socket] = sockets
    if (socket === undefined) throw new Error('Cannot find the connection')
    return socket
  }

  it('that the origin closes as a request goes out says that it was kept (F-15)', async () => {
    for (let i = 0; i < 10; i += 1) {
      const socket = await warmUp()
      // In the turn in which undici writes, and before it.
      setImmediate(() => socket.destroy())
      const error = await failureOf(ask(upstream, '/second'))
      expect(error).toMatchObject({ kind: 'connection_terminated', retryable: true })
      expect(sockets).toHaveLength(1)
    }
  })

  it('that the origin closes with the request unread says so as well (F-15)', async () => {
    const socket = await warmUp()
    // `pause` would read on into a buffer of its own.
    Reflect.get(socket, '_handle').readStop()
    setTimeout(() => socket.destroy(), 20)
    const error = await failureOf(ask(upstream, '/second'))
    expect(error).toMatchObject({ kind: 'connection_terminated', retryable: true })
  })

  it('is not used where a fresh one is needed', async () => {
    await warmUp()
    expect(await textOf(onFresh(upstream), '/second')).toBe('hello')
    expect(await textOf(onFresh(upstream), '/third')).toBe('hello')
    expect(sockets).toHaveLength(3)
    expect(await textOf(upstream, '/fourth')).toBe('hello')
    expect(sockets).toHaveLength(3)
  })

  it.each(['end', 'destroy'] as const)('is told from a fresh one that ends: %s', async (how) => {
    await warmUp()
    onHead = (socket) => void socket[how]()
    const error = await failureOf(ask(onFresh(upstream), '/seen'))
    expect(error).toMatchObject({ kind: 'connection_terminated', retryable: false })
    expect(heads.slice(1)).toEqual(['GET /seen HTTP/1.1'])
  })
})

function onFresh(upstream: Upstream): Upstream {
  return {
    fetch: (request, scope) => upstream.fetch({ ...request, needsFreshConnection: true }, scope),
  }
}

describe('connections', () => {
  let origin: RawOrigin

  async function start(): Promise<void> {
    origin = await startRawOrigin()
    ending.push(() => origin.close())
    origin.answer(() => wire(200, [], 'hello'))
  }

  it('are used no longer than their life, and the transfer under way is finished', async () => {
    await start()
    const upstream = connected(origin.url, { connectionLifeMs: 100, random: () => 0 })
    let finish: (() => void) | undefined
    origin.answer(({ target }, socket) => {
      if (target !== '/long') return wire(200, [], 'hello')
      finish = () => socket.write('hello')
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
      return undefined
    })
    const long = textOf(upstream, '/long')
    const untilMs = performance.now() + 350
    while (performance.now() < untilMs) {
      expect(await textOf(upstream, '/short')).toBe('hello')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(origin.connectionCount).toBeGreaterThanOrEqual(3)
    expect(origin.connectionCount).toBeLessThanOrEqual(6)
    finish?.()
    expect(await long).toBe('hellohello')
    // Nothing is left of those that are too old.
    await expect.poll(() => origin.openCount).toBeLessThanOrEqual(1)
  })

  it('end at different ages', async () => {
    await start()
    const randoms = [0.999, 0]
    const random = () => randoms.shift() ?? 0
    const upstream = connected(origin.url, { connectionLifeMs: 2000, random })
    await Promise.all([textOf(upstream, '/a'), textOf(upstream, '/b')])
    expect(origin.connectionCount).toBe(2)
    await new Promise((resolve) => setTimeout(resolve, 1700))
    await Promise.all([textOf(upstream, '/c'), textOf(upstream, '/d')])
    expect(origin.connectionCount).toBe(3)
  })

  it('are there before the first request, where that is wanted, and are the first used', async () => {
    await start()
    const upstream = connected(origin.url, { warmCount: 3 })
    await expect.poll(() => origin.openCount).toBe(3)
    await Promise.all(['/a', '/b', '/c'].map((target) => textOf(upstream, target)))
    expect(origin.connectionCount).toBe(3)
    expect(origin.requests).toHaveLength(3)
  })

  it('that were warm and end with their first request were kept', async () => {
    await start()
    const upstream = connected(origin.url, { warmCount: 1 })
    await expect.poll(() => origin.openCount).toBe(1)
    origin.answer((_request, socket) => void socket.end())
    const error = await failureOf(ask(upstream, '/a'))
    expect(error).toMatchObject({ kind: 'connection_terminated', retryable: true })
  })

  it('that were warm and have ended meanwhile are not used', async () => {
    await start()
    const upstream = connected(origin.url, { warmCount: 2, keepAliveMs: 60 })
    await expect.poll(() => origin.openCount).toBe(2)
    await expect.poll(() => origin.openCount).toBe(0)
    expect(await textOf(upstream, '/a')).toBe('hello')
    expect(origin.connectionCount).toBe(3)
  })
})
