// What happens on one connection of the real process: order, half-close, HTTP/1.0, ends and limits.

import { connect } from 'node:net'
import type { Socket } from 'node:net'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { createGate } from '../support/gate.ts'
import { checkOracle } from '../support/oracle.ts'
import { rawRequest } from '../support/raw-client.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const NO_STORE = [['Cache-Control', 'no-store']] as const
const MIB = 1024 * 1024
const LIMITS = {
  headTimeout: '500ms',
  keepAlive: '400ms',
  stallTimeout: '1200ms',
  requestsPerConnection: 150,
  connections: 30,
}

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess

beforeAll(async () => {
  origin = await startTestOrigin()
  const config = files.write('limits.json', { limits: LIMITS })
  sluice = await startSluice(['--origin', origin.url, '--config', config])
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
  files.remove()
})

function get(target: string, fields: readonly string[] = [], version = '1.1'): string {
  return [`GET ${target} HTTP/${version}`, 'Host: a', ...fields, '', ''].join('\r\n')
}

async function send(bytes: string, until: 'close' | number = 1, timeoutMs = 3000) {
  return await rawRequest({ port: sluice.port, bytes, until, timeoutMs })
}

describe('pipelined requests', () => {
  beforeEach(() => origin.reset())

  it('are answered in order, be they hits, misses or slow (RFC 9112 §9.3.2; T-12)', async () => {
    origin.put('/hit', { body: 'body of /hit', fields: [['Cache-Control', 'max-age=60']] })
    await send(get('/hit'))
    const targets = Array.from(
      { length: 100 },
      (_, i) => ['/hit', `/miss-${i}`, `/slow-${i}`][i % 3],
    )
    for (const target of targets) {
      if (target === undefined || target === '/hit') continue
      const script = target.startsWith('/slow')
        ? ([{ fault: 'delay-head', delayMs: 20, times: Infinity }] as const)
        : []
      origin.put(target, { body: `body of ${target}`, fields: NO_STORE, script })
    }
    const { responses } = await send(targets.map((target) => get(target ?? '')).join(''), 100)
    expect(responses.map(({ body }) => body.toString())).toEqual(
      targets.map((target) => `body of ${target}`),
    )
  })

  it('are not acted upon behind one that is refused (G-SMUG)', async () => {
    const refused = 'GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
    const { responses, ended } = await send(`${refused}${get('/behind')}`, 'close')
    expect(responses.map(({ status }) => status)).toEqual([400])
    expect(ended).not.toBe('open')
    expect(origin.requests).toEqual([])
  })

  it.each([
    ['garbage', 'rubbish \0\r\n\r\n', [200, 400]],
    ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', [200, 405]],
    ['an oversized head', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, [200, 431]],
  ])('are answered whole before %s behind them is refused', async (_, behind, statuses) => {
    const script = [{ fault: 'delay-head', delayMs: 100 }] as const
    origin.put('/slow', { body: 'slow', fields: NO_STORE, script })
    const { responses, problem, ended } = await send(`${get('/slow')}${behind}`, 'close')
    expect(problem).toBeUndefined()
    expect(responses.map(({ status }) => status)).toEqual(statuses)
    expect(responses[0]?.body.toString()).toBe('slow')
    expect(ended).not.toBe('open')
  })

  it('are not disturbed by garbage that comes while a body is sent', async () => {
    const gate = createGate()
    const script = [{ fault: 'gate-body', gate, afterBytes: 1000 }] as const
    origin.put('/gated', { sizeBytes: 5000, fields: NO_STORE, script })
    const asked = rawRequest({
      port: sluice.port,
      bytes: [get('/gated'), 'rubbish \0\r\n\r\n'],
      gapMs: 50,
      until: 'close',
    })
    await gate.arrived()
    setTimeout(() => gate.release(), 100)
    const { responses, problem } = await asked
    expect(problem).toBeUndefined()
    expect(responses.map(({ status }) => status)).toEqual([200, 400])
    const body = responses[0]?.body ?? Buffer.alloc(0)
    expect(checkOracle(body, { object: '/gated', version: 1, startByte: 0, endByte: 5000 })).toBe(
      undefined,
    )
  })

  it('end where Connection: close was said, on either side (RFC 9112 §9.6)', async () => {
    origin.put('/last', { body: 'last', fields: NO_STORE })
    const bytes = get('/last', ['Connection: close']) + get('/behind')
    const { responses, ended } = await send(bytes, 'close')
    expect(responses.map(({ status }) => status)).toEqual([200])
    expect(responses[0]?.header('connection')).toBe('close')
    expect(ended).not.toBe('open')
    expect(origin.requests.map(({ target }) => target)).toEqual(['/last'])
  })
})

describe('pipelined requests that wait for their turn', () => {
  it('are given up with their connection, as the log says', async () => {
    const gate = createGate()
    origin.put('/first', { body: 'x', fields: NO_STORE, script: [{ fault: 'gate-head', gate }] })
    origin.put('/second', { sizeBytes: 8 * MIB, fields: NO_STORE })
    const socket = connect({ port: sluice.port, host: '127.0.0.1' })
    socket.write(get('/first') + get('/second'))
    await gate.arrived()
    socket.resetAndDestroy()
    // The one whose turn it was is told of once its origin has answered.
    gate.release()
    const lines = await sluice.untilAccess(2, ({ target }) => /^.(first|second)$/.test(target))
    expect(lines.map(({ error }) => error?.includes('client is gone'))).toEqual([true, true])
  })
})

describe('a client that half-closes (F-23)', () => {
  it('gets the whole answer of a miss', async () => {
    const script = [{ fault: 'delay-head', delayMs: 100 }] as const
    origin.put('/half', { sizeBytes: 3 * MIB + 7, fields: NO_STORE, script })
    const { responses } = await rawRequest({
      port: sluice.port,
      bytes: get('/half'),
      halfClose: true,
      until: 'close',
    })
    const body = responses[0]?.body ?? Buffer.alloc(0)
    const whole = { object: '/half', version: 1, startByte: 0, endByte: 3 * MIB + 7 }
    expect(checkOracle(body, whole)).toBeUndefined()
    expect(responses[0]?.complete).toBe(true)
  })

  it('gets the answer of a hit', async () => {
    origin.put('/half-hit', { body: 'hit', fields: [['Cache-Control', 'max-age=60']] })
    await send(get('/half-hit'))
    const { responses } = await rawRequest({
      port: sluice.port,
      bytes: get('/half-hit'),
      halfClose: true,
      until: 'close',
    })
    expect(responses.map(({ body }) => body.toString())).toEqual(['hit'])
  })
})

describe('HTTP/1.0', () => {
  beforeEach(() => {
    origin.put('/plain', { body: 'plain', fields: NO_STORE })
    origin.put('/chunked', { body: 'chunked', fields: NO_STORE, chunked: true })
  })

  it('gets one answer, and the connection ends (RFC 9112 §9.3)', async () => {
    const { responses, ended } = await send(get('/plain', [], '1.0'), 'close')
    expect(responses.map(({ body }) => body.toString())).toEqual(['plain'])
    expect(responses[0]?.header('connection')).toBe('close')
    expect(ended).toBe('fin')
  })

  it('keeps the connection where it asks for that (RFC 9112 §9.3)', async () => {
    const again = get('/plain', ['Connection: keep-alive'], '1.0')
    const { responses, ended } = await send(again + again, 2)
    expect(responses.map(({ body }) => body.toString())).toEqual(['plain', 'plain'])
    expect(responses[0]?.header('connection')?.toLowerCase()).toBe('keep-alive')
    expect(ended).toBe('open')
  })

  it.each([[[]], [['Connection: keep-alive']]])(
    'never gets chunks, but the end of the connection, with %j (RFC 9112 §6.1)',
    async (fields) => {
      const { responses, ended } = await send(get('/chunked', fields, '1.0'), 'close')
      expect(responses[0]?.framing).toBe('close')
      expect(responses[0]?.header('transfer-encoding')).toBeUndefined()
      expect(responses.map(({ body }) => body.toString())).toEqual(['chunked'])
      expect(ended).toBe('fin')
    },
  )
})

describe.concurrent('a connection ends', () => {
  it('with 408 when its head does not come in time (T-80)', async () => {
    const { responses, ended, elapsedMs } = await send('GET /a HTTP/1.1\r\nHost: a\r\n', 'close')
    expect(responses.map(({ status }) => status)).toEqual([408])
    expect(ended).not.toBe('open')
    expect(elapsedMs).toBeLessThan(2000)
  })

  it('when nothing is asked on it at all', async () => {
    const { bytes, ended, elapsedMs } = await send('', 'close')
    expect(bytes.length === 0 || bytes.toString().startsWith('HTTP/1.1 408')).toBe(true)
    expect(ended).not.toBe('open')
    expect(elapsedMs).toBeLessThan(2500)
  })

  it('when it has been idle for the time of keep-alive', async () => {
    origin.put('/idle', { body: 'idle', fields: NO_STORE })
    const { responses, ended, elapsedMs } = await send(get('/idle'), 'close')
    expect(responses.map(({ status }) => status)).toEqual([200])
    expect(ended).toBe('fin')
    expect(elapsedMs).toBeLessThan(2500)
  })

  it('after its number of requests, saying so', async () => {
    origin.put('/many', { body: 'many', fields: [['Cache-Control', 'max-age=60']] })
    const { responses, ended } = await send(get('/many').repeat(150), 'close')
    expect(responses).toHaveLength(150)
    expect(responses[148]?.header('connection')).toBe('keep-alive')
    expect(responses[149]?.header('connection')).toBe('close')
    expect(ended).toBe('fin')
  })

  it('when the client does not take what is written for the stall time (T-82)', async () => {
    origin.put('/stall', { sizeBytes: 64 * MIB, fields: NO_STORE })
    const socket = connect({ port: sluice.port, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    socket.write(get('/stall'))
    socket.pause()
    const [line] = await sluice.untilAccess(1, ({ target }) => target === '/stall', 5000)
    socket.destroy()
    expect(line?.error).toContain('does not read')
    expect(line?.bytes).toBeLessThan(64 * MIB)
  })

  it('not while an answer takes longer than the stall time to come', async () => {
    const script = [{ fault: 'delay-head', delayMs: 1800 }] as const
    origin.put('/late', { body: 'late', fields: NO_STORE, script })
    const { responses } = await send(get('/late'))
    expect(responses.map(({ body }) => body.toString())).toEqual(['late'])
  })
})

describe('connections', () => {
  it('end at once when there are too many, and the next client is served', async () => {
    const sockets: Socket[] = []
    for (let i = 0; i < LIMITS.connections + 10; i += 1) {
      const socket = connect({ port: sluice.port, host: '127.0.0.1' })
      socket.on('error', () => undefined)
      sockets.push(socket)
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(sockets.filter(({ closed }) => closed).length).toBeGreaterThanOrEqual(10)
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 50))
    origin.put('/after', { body: 'after', fields: NO_STORE })
    const { responses } = await send(get('/after'))
    expect(responses.map(({ body }) => body.toString())).toEqual(['after'])
  })
})
