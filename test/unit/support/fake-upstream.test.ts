import { describe, expect, it } from 'vitest'

import { first } from '#core/entry/fields.ts'
import type { Fields } from '#core/entry/fields.ts'
import type { UpstreamRequest, UpstreamResponse } from '#core/ports/upstream.ts'
import { Cancelled, UpstreamError } from '#core/ports/upstream.ts'

import { createFakeUpstream } from '../../support/fake-upstream.ts'
import type { FakeUpstreamOptions } from '../../support/fake-upstream.ts'
import { createGate } from '../../support/gate.ts'
import { checkOracle } from '../../support/oracle.ts'
import { originEtag } from '../../support/origin-answer.ts'
import { createTestScope } from '../../support/scopes.ts'
import { createSteppedClock, turn } from '../../support/stepped-clock.ts'
import { testKey } from '../../support/stored.ts'

const PATH = '/object'

function setUp(options: Partial<FakeUpstreamOptions> = {}) {
  const clock = createSteppedClock()
  const upstream = createFakeUpstream({ clock, ...options })
  upstream.put(PATH, { sizeBytes: 10_000 })
  return { clock, upstream, scope: createTestScope() }
}

function get(fields: Fields = [], target = PATH, method = 'GET'): UpstreamRequest {
  return { method, target, fields, authority: undefined, key: testKey('object'), body: undefined }
}

async function drain(response: UpstreamResponse): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for (;;) {
    const chunk = await response.body.read()
    if (chunk === undefined) return Buffer.concat(chunks)
    chunks.push(chunk)
  }
}

describe('createFakeUpstream', () => {
  it.each(['sync', 'async'] as const)(
    'gives the whole body by %s reads, and counts it',
    async (reads) => {
      const { upstream, scope } = setUp({ reads, chunkBytes: 3000 })
      const response = await upstream.fetch(get(), scope)
      expect(response.status).toBe(200)
      expect(upstream.deliveredBytes).toBe(0)
      const read = response.body.read()
      expect(read instanceof Promise).toBe(reads === 'async')
      expect((await read)?.byteLength).toBe(3000)
      expect(upstream.deliveredBytes).toBe(3000)
      const rest = await drain(response)
      const wanted = { object: PATH, version: 1, startByte: 3000, endByte: 10_000 }
      expect(checkOracle(rest, wanted)).toBeUndefined()
      expect(await response.settled).toEqual({ kind: 'complete' })
      expect(upstream.requests[0]?.deliveredBytes).toBe(10_000)
      expect(upstream.openCount).toBe(0)
    },
  )

  it('answers ranges, and refuses those beyond the end (RFC 9110 §15.3.7)', async () => {
    const { upstream, scope } = setUp()
    const response = await upstream.fetch(get(['range', 'bytes=100-199']), scope)
    expect(response.status).toBe(206)
    expect(first(response.fields, 'content-range')).toBe('bytes 100-199/10000')
    const wanted = { object: PATH, version: 1, startByte: 100, endByte: 200 }
    expect(checkOracle(await drain(response), wanted)).toBeUndefined()
    const beyond = await upstream.fetch(get(['range', 'bytes=10000-']), scope)
    expect(beyond.status).toBe(416)
    expect(first(beyond.fields, 'content-range')).toBe('bytes */10000')
    expect(upstream.requests.map(({ range }) => range)).toEqual(['bytes=100-199', 'bytes=10000-'])
  })

  it('judges preconditions by the version it has now (RFC 9110 §13.2.2)', async () => {
    const { upstream, scope } = setUp()
    const tag = originEtag(PATH, 1)
    expect((await upstream.fetch(get(['if-none-match', tag]), scope)).status).toBe(304)
    expect((await upstream.fetch(get(['if-match', tag]), scope)).status).toBe(200)
    upstream.put(PATH, { sizeBytes: 10, version: 2 })
    expect((await upstream.fetch(get(['if-none-match', tag]), scope)).status).toBe(200)
    expect((await upstream.fetch(get(['if-match', tag]), scope)).status).toBe(412)
  })
})

describe('faults of createFakeUpstream', () => {
  it('holds the head at a gate, and the body at another', async () => {
    const { upstream, scope } = setUp()
    const [head, body] = [createGate(), createGate()]
    upstream.inject({ fault: 'gate-head', gate: head })
    upstream.inject({ fault: 'gate-body', gate: body, afterBytes: 100 })
    let response: UpstreamResponse | undefined
    const fetched = upstream.fetch(get(), scope).then((come) => (response = come))
    await head.arrived()
    await turn()
    expect(response).toBeUndefined()
    head.release()
    const come = await fetched
    expect((await come.body.read())?.byteLength).toBe(100)
    const held = come.body.read()
    await body.arrived()
    expect(upstream.deliveredBytes).toBe(100)
    body.release()
    expect(await held).toHaveLength(4096)
  })

  it('fails before the head, as often as it was told to', async () => {
    const { upstream, scope } = setUp()
    upstream.inject({ fault: 'fail', kind: 'connection_refused', times: 2 })
    for (let i = 0; i < 2; i++) {
      const error: unknown = await upstream.fetch(get(), scope).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ kind: 'connection_refused', retryable: true })
    }
    expect((await upstream.fetch(get(), scope)).status).toBe(200)
    expect(scope.eventsOf('fetch-failed')).toHaveLength(2)
  })

  it.each(['sync', 'async'] as const)(
    'breaks the body at its byte, with %s reads',
    async (reads) => {
      const { upstream, scope } = setUp({ reads })
      upstream.inject({ fault: 'break', afterBytes: 5000, kind: 'connection_terminated' })
      const response = await upstream.fetch(get(), scope)
      const error = await drain(response).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(UpstreamError)
      expect(upstream.deliveredBytes).toBe(5000)
      expect(await response.settled).toMatchObject({
        kind: 'broken',
        error: { kind: 'connection_terminated' },
      })
      // It stays broken.
      await expect(Promise.resolve().then(() => response.body.read())).rejects.toBe(error)
    },
  )

  it('is cut short like a real one: by length, by chunks, and not by the end of a connection', async () => {
    const { upstream, scope } = setUp()
    const cut = { fault: 'truncate', afterBytes: 10, end: 'fin' } as const
    upstream.inject(cut)
    const byLength = await upstream.fetch(get(), scope)
    await expect(drain(byLength)).rejects.toMatchObject({ kind: 'http_response_incomplete' })
    upstream.put('/chunked', { sizeBytes: 100, chunked: true })
    upstream.inject(cut)
    const chunked = await upstream.fetch(get([], '/chunked'), scope)
    expect(chunked.isDelimited).toBe(true)
    expect(first(chunked.fields, 'content-length')).toBeUndefined()
    await expect(drain(chunked)).rejects.toMatchObject({ kind: 'http_response_incomplete' })
    upstream.inject({ fault: 'close-delimited', end: 'fin', afterBytes: 10 })
    const closing = await upstream.fetch(get(), scope)
    expect(closing.isDelimited).toBe(false)
    expect(await drain(closing)).toHaveLength(10)
    expect(await closing.settled).toEqual({ kind: 'complete' })
  })
})

describe('time and cancellation in createFakeUpstream', () => {
  it('ends a read that waits when it is cancelled, and says so', async () => {
    const { upstream, scope } = setUp()
    upstream.inject({ fault: 'hang-body', afterBytes: 100 })
    const response = await upstream.fetch(get(), scope)
    expect(await response.body.read()).toHaveLength(100)
    const hanging = response.body.read()
    response.body.cancel('enough')
    expect(await hanging).toBeUndefined()
    expect(await response.settled).toEqual({ kind: 'cancelled' })
    expect(upstream.requests[0]?.cancelled).toBe(true)
    expect(upstream.deliveredBytes).toBe(100)
  })

  it('heeds the signal before the head, and tells an error of ours from a departure', async () => {
    const { upstream, scope } = setUp()
    upstream.inject({ fault: 'hang-head', times: 2 })
    const left = upstream.fetch(get(), scope)
    scope.abort('left')
    await expect(left).rejects.toBeInstanceOf(Cancelled)
    const other = createTestScope()
    const late = upstream.fetch(get(), other)
    await turn()
    const timeout = new UpstreamError('http_response_timeout', 'late', { retryable: true })
    other.abort(timeout)
    await expect(late).rejects.toBe(timeout)
    expect(upstream.requests.every(({ cancelled }) => cancelled)).toBe(true)
  })

  it('paces a body on its clock', async () => {
    const { clock, upstream, scope } = setUp()
    upstream.inject({ fault: 'trickle', chunkBytes: 10, everyMs: 100 })
    const response = await upstream.fetch(get(), scope)
    expect(await response.body.read()).toHaveLength(10)
    let arrived = false
    const second = Promise.resolve(response.body.read()).then(() => (arrived = true))
    await clock.step(99)
    expect(arrived).toBe(false)
    await clock.step(1)
    await second
    expect(upstream.deliveredBytes).toBe(20)
  })

  it('gives no body to HEAD, but its length, and the times of its clock', async () => {
    const { clock, upstream, scope } = setUp()
    upstream.inject({ fault: 'delay-head', delayMs: 50 })
    const fetched = upstream.fetch(get([], PATH, 'HEAD'), scope)
    await clock.step(50)
    const response = await fetched
    expect(first(response.fields, 'content-length')).toBe('10000')
    expect(await response.body.read()).toBeUndefined()
    expect(await response.settled).toEqual({ kind: 'complete' })
    expect(response.receivedAtMs - response.sentAtMs).toBe(50)
  })
})
