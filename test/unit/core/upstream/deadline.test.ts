import { describe, expect, it } from 'vitest'

import type { Upstream, UpstreamRequest } from '#core/ports/upstream.ts'
import { withDeadline } from '#core/upstream/deadline.ts'

import { createFakeUpstream } from '../../../support/fake-upstream.ts'
import { createTestScope } from '../../../support/scopes.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'
import { testKey } from '../../../support/stored.ts'

const REQUEST: UpstreamRequest = {
  method: 'GET',
  target: '/object',
  fields: [],
  authority: undefined,
  key: testKey('object'),
  body: undefined,
}

const RATE = { minBytesPerSecond: 1000, slowMs: 3000 }

function setUp() {
  const clock = createSteppedClock()
  const inner = createFakeUpstream({ clock })
  inner.put('/object', { sizeBytes: 100, chunked: true })
  const upstream = withDeadline(inner, { clock, firstByteMs: 1000, idleMs: 500, ...RATE })
  const fetch = (scope = createTestScope()) => upstream.fetch(REQUEST, scope)
  return { clock, inner, fetch }
}

describe('withDeadline', () => {
  it('breaks a body that nothing comes of, and never ends it as if it were whole', async () => {
    const { clock, inner, fetch } = setUp()
    inner.inject({ fault: 'hang-body', afterBytes: 10 })
    const response = await fetch()
    expect(await response.body.read()).toHaveLength(10)
    const read = Promise.resolve(response.body.read()).catch((error: unknown) => error)
    await clock.step(500)
    expect(await read).toMatchObject({ kind: 'connection_read_timeout', retryable: true })
    expect(inner.requests[0]?.cancelled).toBe(true)
  })

  it('does so also where cancelling ends the read that waits, as undici does', async () => {
    const clock = createSteppedClock()
    const pending = Promise.withResolvers<undefined>()
    const body = { read: () => pending.promise, cancel: () => pending.resolve(undefined) }
    const inner: Upstream = {
      fetch: () =>
        Promise.resolve({
          status: 200,
          fields: [],
          sentAtMs: 0,
          receivedAtMs: 0,
          from: { kind: 'origin', address: 'test' },
          isDelimited: true,
          body,
          settled: Promise.resolve({ kind: 'cancelled' }),
        }),
    }
    const upstream = withDeadline(inner, { clock, firstByteMs: 1000, idleMs: 500, ...RATE })
    const response = await upstream.fetch(REQUEST, createTestScope())
    const read = Promise.resolve(response.body.read()).catch((error: unknown) => error)
    await clock.step(500)
    expect(await read).toMatchObject({ kind: 'connection_read_timeout' })
  })

  it('gives up on a head at its instant, not before', async () => {
    const { clock, inner, fetch } = setUp()
    inner.inject({ fault: 'hang-head' })
    let error: unknown
    const failed = fetch().catch((thrown: unknown) => (error = thrown))
    await clock.step(999)
    expect(error).toBeUndefined()
    await clock.step(1)
    await failed
    expect(error).toMatchObject({ kind: 'http_response_timeout', retryable: true })
  })

  it('counts no time in which nobody reads', async () => {
    const { clock, fetch } = setUp()
    const response = await fetch()
    await clock.step(10_000)
    expect(await response.body.read()).toHaveLength(100)
    expect(clock.pendingCount()).toBe(0)
  })

  it('keeps within what is left of the request', async () => {
    const { clock, inner, fetch } = setUp()
    inner.inject({ fault: 'hang-head' })
    const scope = createTestScope({ deadlineAtMs: clock.monotonicMs() + 200 })
    const failed = fetch(scope).catch((thrown: unknown) => thrown)
    await clock.step(200)
    expect(await failed).toMatchObject({ kind: 'http_response_timeout' })
  })
})

/** So many bytes every 400 ms, each read for as long as the reader says. */
async function readFor(
  chunkBytes: number,
  { fields = ['content-length', '1000000'] as readonly string[], pauseMs = 0 } = {},
): Promise<{ readonly readCount: number; readonly error: unknown }> {
  const clock = createSteppedClock()
  const read = () => {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>()
    clock.after(400, () => resolve(new Uint8Array(chunkBytes)))
    return promise
  }
  const inner: Upstream = {
    fetch: () =>
      Promise.resolve({
        status: 200,
        fields,
        sentAtMs: 0,
        receivedAtMs: 0,
        from: { kind: 'origin', address: 'test' },
        isDelimited: true,
        body: { read, cancel: () => undefined },
        settled: Promise.resolve({ kind: 'cancelled' }),
      }),
  }
  const upstream = withDeadline(inner, { clock, firstByteMs: 1000, idleMs: 500, ...RATE })
  const { body } = await upstream.fetch(REQUEST, createTestScope())
  for (let readCount = 0; readCount < 40; readCount++) {
    const pending = Promise.resolve(body.read()).catch((error: unknown) => error)
    await clock.step(400)
    const got = await pending
    if (!(got instanceof Uint8Array)) return { readCount, error: got }
    await clock.step(pauseMs)
  }
  return { readCount: 40, error: undefined }
}

describe('a body that comes drop by drop', () => {
  it('is broken off after a while, and can be continued elsewhere (F-11)', async () => {
    const { readCount, error } = await readFor(399)
    expect(readCount).toBe(7)
    expect(error).toMatchObject({ kind: 'connection_read_timeout', retryable: true })
  })

  it('is left alone at the least rate, and where only its reader is slow', async () => {
    expect(await readFor(400)).toEqual({ readCount: 40, error: undefined })
    expect(await readFor(401, { pauseMs: 60_000 })).toEqual({ readCount: 40, error: undefined })
  })

  it('is left alone when nobody has said how long it is', async () => {
    expect(await readFor(1, { fields: [] })).toEqual({ readCount: 40, error: undefined })
  })
})
