import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts'
import { httpGet, type HttpResult } from '../../support/http-get.ts'
import { checkOracle } from '../../support/oracle.ts'
import { rawRequest } from '../../support/raw-client.ts'
import { startTestOrigin, type TestOrigin } from '../../support/test-origin.ts'

const SIZE_BYTES = 1_000_000
const tapped = { request: '', response: 0 }
let origin: TestOrigin
let proxy: FaultProxy

beforeAll(async () => {
  origin = await startTestOrigin()
  origin.put('/a', { sizeBytes: SIZE_BYTES })
  origin.put('/small', { body: 'small' })
  proxy = await startFaultProxy({
    targetPort: origin.port,
    onBytes(direction, bytes) {
      if (direction === 'request') tapped.request += bytes.toString('latin1')
      else tapped.response += bytes.length
    },
  })
})
afterEach(() => proxy.set({}))
afterAll(async () => {
  await proxy.close()
  await origin.close()
})

function get(path = '/small', timeoutMs = 3000): Promise<HttpResult> {
  return httpGet(proxy.url + path, { timeoutMs })
}

describe('startFaultProxy', () => {
  it('passes everything on, and shows it', async () => {
    const answer = await get('/a')
    const expected = { object: '/a', version: 1, startByte: 0, endByte: SIZE_BYTES }
    expect([answer.complete, checkOracle(answer.body, expected)]).toEqual([true, undefined])
    expect(tapped.request).toMatch(/^GET \/a HTTP\/1.1\r\n/)
    expect(tapped.response).toBeGreaterThan(SIZE_BYTES)
  })

  it('adds latency to each direction, without slowing the flow', async () => {
    proxy.set({ latencyMs: 40 })
    const { elapsedMs, complete } = await get('/a')
    expect(complete).toBe(true)
    expect(elapsedMs).toBeGreaterThan(75)
    expect(elapsedMs).toBeLessThan(350)
  })

  it('limits bandwidth', async () => {
    proxy.set({ bytesPerSecond: 5_000_000 })
    const { elapsedMs, complete } = await get('/a')
    expect([complete, elapsedMs > 180]).toEqual([true, true])
  })

  it.each([
    ['fin', 'fin'],
    ['rst', 'reset'],
  ] as const)('cuts after exactly so many bytes with %s', async (end, ended) => {
    const bytes = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'
    for (const afterBytes of [1, 30, 70_000]) {
      proxy.set({ cut: { direction: 'response', afterBytes, end } })
      const answer = await rawRequest({ port: proxy.port, bytes, until: 'close' })
      expect([answer.bytes.length, answer.ended]).toEqual([afterBytes, ended])
    }
  })

  it.each([
    ['fin', 'fin'],
    ['rst', 'reset'],
  ] as const)('cuts the one connection that it is told to with %s', async (end, ended) => {
    const cut = { isArmed: true, passedBytes: 0 }
    const single = await startFaultProxy({
      targetPort: origin.port,
      endsBefore(direction, chunk) {
        if (direction === 'request' || !cut.isArmed) return undefined
        if (cut.passedBytes < 100_000) {
          cut.passedBytes += chunk.length
          return undefined
        }
        cut.isArmed = false
        return end
      },
    })
    const bytes = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'
    const answer = await rawRequest({ port: single.port, bytes, until: 'close' })
    // A reset takes with it what the client has not read.
    expect(answer.bytes.length).toBeLessThanOrEqual(cut.passedBytes)
    expect(answer.bytes.length).toBeGreaterThan(end === 'fin' ? 100_000 : 0)
    expect(answer.ended).toBe(ended)
    expect((await httpGet(`${single.url}/a`)).complete).toBe(true)
    await single.close()
  })

  it('cuts the request', async () => {
    const before = origin.counters().requests
    proxy.set({ cut: { direction: 'request', afterBytes: 10, end: 'rst' } })
    await expect(get()).rejects.toThrow(/hang up|ECONNRESET/)
    expect(origin.counters().requests).toBe(before)
  })

  it('is silent as a black hole, and lets through when healed', async () => {
    proxy.set({ blackHole: true })
    await expect(get('/small', 60)).rejects.toThrow('aborted')
    const answer = get()
    proxy.set({ blackHole: true, latencyMs: 1 })
    proxy.set({})
    expect(String((await answer).body)).toBe('small')
  })

  it('refuses connections until reopened', async () => {
    proxy.refuse()
    await expect(get()).rejects.toThrow('ECONNREFUSED')
    await proxy.reopen()
    expect((await get()).status).toBe(200)
  })

  it('ends all connections on demand and forgets them', async () => {
    proxy.cutAll('rst')
    const { accepted } = proxy.counters()
    proxy.set({ bytesPerSecond: 1000 })
    const answer = get('/a')
    await expect.poll(() => proxy.counters().accepted).toBeGreaterThan(accepted)
    proxy.cutAll('rst')
    const outcome = await answer.then(
      ({ complete }) => complete,
      () => false,
    )
    expect(outcome).toBe(false)
    await expect.poll(() => proxy.counters().open).toBe(0)
  })
})
