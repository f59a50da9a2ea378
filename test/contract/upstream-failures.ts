// The Upstream contract: backpressure, cancellation, and what goes wrong on the way.

import { expect, it } from 'vitest'

import { Cancelled, UpstreamError } from '#core/ports/upstream.ts'

import { createGate } from '../support/gate.ts'
import { createTestScope } from '../support/scopes.ts'
import { turn } from '../support/stepped-clock.ts'
import type { OpenUpstream, UpstreamTraits } from './upstream-facts.ts'
import { drain, fetchFrom, kindOf, refusalOf, required } from './upstream-facts.ts'
import { itWhere } from '../support/where.ts'

const MEBIBYTE = 2 ** 20
/** What a loopback connection holds at most: the kernel's buffers on both sides, and the parser's. */
const DEFAULT_UNREAD_BYTES = 12 * MEBIBYTE

/** Waits for what another thread of control must first see: a closed connection, a full buffer. */
async function eventually(isTrue: () => boolean): Promise<boolean> {
  const untilMs = performance.now() + 5000
  while (!isTrue() && performance.now() < untilMs) await turn()
  return isTrue()
}

/** Resolves when the number has not changed for many turns, in which sockets were served. */
async function settledValue(read: () => number): Promise<number> {
  let last = read()
  for (let quietCount = 0; quietCount < 200; quietCount++) {
    await turn()
    const now = read()
    if (now !== last) quietCount = 0
    last = now
  }
  return last
}

export function testFlow(open: OpenUpstream, traits: UpstreamTraits): void {
  it('lets the origin send no more of an unread body than buffers hold', async ({ skip }) => {
    const { put, sentBytes } = open()
    skip(sentBytes === undefined, 'what is sent cannot be counted')
    const { maxUnreadBytes = DEFAULT_UNREAD_BYTES } = traits
    await put('/unread', { sizeBytes: 64 * MEBIBYTE })
    const before = sentBytes?.() ?? 0
    const response = await fetchFrom(open(), '/unread')
    const unread = (await settledValue(() => sentBytes?.() ?? 0)) - before
    expect(unread).toBeLessThanOrEqual(maxUnreadBytes)
    // It goes on when it is read, to the end.
    const { bytes } = await drain(response)
    expect(bytes).toHaveLength(64 * MEBIBYTE)
  })

  it('settles as cancelled and leaves the origin when it is cancelled', async () => {
    const { put, abortedCount } = open()
    await put('/cancelled', { sizeBytes: 64 * MEBIBYTE })
    const before = abortedCount?.() ?? 0
    const response = await fetchFrom(open(), '/cancelled')
    await response.body.read()
    response.body.cancel('enough')
    response.body.cancel('twice is harmless')
    expect(await response.settled).toEqual({ kind: 'cancelled' })
    const hasLeft = await eventually(() => (abortedCount?.() ?? before + 1) > before)
    expect(hasLeft).toBe(true)
    // The next request is none the worse for it.
    await put('/after', { sizeBytes: 10 })
    expect((await drain(await fetchFrom(open(), '/after'))).bytes).toHaveLength(10)
  })

  it('does not leave a read waiting when it is cancelled', async ({ skip }) => {
    skip(traits.takesFaults === false)
    const { put } = open()
    const inject = required(open().inject)
    await put('/waiting', { sizeBytes: 1000 })
    inject({ fault: 'hang-body', afterBytes: 10 }, '/waiting')
    const response = await fetchFrom(open(), '/waiting')
    await response.body.read()
    const waiting = Promise.resolve(response.body.read()).catch(() => undefined)
    response.body.cancel('enough')
    expect(await waiting).toBeUndefined()
    expect(await response.settled).toEqual({ kind: 'cancelled' })
  })

  it('stays complete when it is cancelled after its end', async () => {
    await open().put('/ended', { sizeBytes: 1000 })
    const response = await fetchFrom(open(), '/ended')
    await drain(response)
    response.body.cancel('late')
    expect(await response.settled).toEqual({ kind: 'complete' })
  })
}

export function testRefusals(open: OpenUpstream, traits: UpstreamTraits): void {
  it('rejects as connection_refused where nobody listens, and may be tried again', async ({
    skip,
  }) => {
    const { createRefused } = open()
    skip(createRefused === undefined, 'somebody always listens')
    const refused = await createRefused?.()
    const scope = createTestScope()
    const harness = { ...open(), upstream: refused?.upstream ?? open().upstream }
    const error = await refusalOf(fetchFrom(harness, '/any', [], scope))
    expect(kindOf(error)).toBe('connection_refused')
    expect(error).toMatchObject({ retryable: true })
    await refused?.close()
  })

  it('rejects as Cancelled when nobody waits any more', async ({ skip }) => {
    skip(traits.takesFaults === false)
    const { put, abortedCount } = open()
    const inject = required(open().inject)
    await put('/left', { sizeBytes: 10 })
    const gate = createGate()
    inject({ fault: 'gate-head', gate }, '/left')
    const before = abortedCount?.() ?? 0
    const scope = createTestScope()
    const refusal = refusalOf(fetchFrom(open(), '/left', [], scope))
    await gate.arrived()
    scope.abort('the client has left')
    expect(await refusal).toBeInstanceOf(Cancelled)
    expect(await eventually(() => (abortedCount?.() ?? before + 1) > before)).toBe(true)
    gate.release()
  })

  it('rejects with the error of a deadline that aborts it', async ({ skip }) => {
    skip(traits.takesFaults === false)
    const { put } = open()
    const inject = required(open().inject)
    await put('/late', { sizeBytes: 10 })
    inject({ fault: 'hang-head' }, '/late')
    const scope = createTestScope()
    const refusal = refusalOf(fetchFrom(open(), '/late', [], scope))
    await turn()
    const timeout = new UpstreamError('http_response_timeout', 'late', { retryable: true })
    scope.abort(timeout)
    expect(await refusal).toBe(timeout)
  })

  it('rejects at once when nobody waited from the start', async () => {
    await open().put('/aborted', { sizeBytes: 10 })
    const scope = createTestScope()
    scope.abort('left already')
    const error = await refusalOf(fetchFrom(open(), '/aborted', [], scope))
    expect(error).toBeInstanceOf(Cancelled)
  })
}

const BROKEN = ['http_response_incomplete', 'connection_terminated']

export function testBreaks(open: OpenUpstream, traits: UpstreamTraits): void {
  const cuts = [
    { how: 'fin', chunked: false },
    { how: 'rst', chunked: false },
    { how: 'fin', chunked: true },
    { how: 'rst', chunked: true },
  ] as const

  it.each(cuts)('breaks a body cut by $how (chunked: $chunked), whatever came', async (cut) => {
    const { put } = open()
    const inject = required(open().inject)
    const path = `/cut-${cut.how}-${cut.chunked}`
    await put(path, { sizeBytes: 100_000, chunked: cut.chunked })
    inject({ fault: 'truncate', afterBytes: 50_000, end: cut.how }, path)
    const response = await fetchFrom(open(), path)
    expect(response.isDelimited).toBe(true)
    const { bytes, error } = await drain(response)
    expect(BROKEN).toContain(kindOf(error))
    expect(bytes.byteLength).toBeLessThanOrEqual(50_000)
    expect(await response.settled).toEqual({ kind: 'broken', error })
    // And stays so.
    expect((await drain(response)).error).toBe(error)
  })

  it('breaks a body shorter than its Content-Length (RFC 9112 §8)', async () => {
    const { put } = open()
    const inject = required(open().inject)
    await put('/longer', { sizeBytes: 1000 })
    inject({ fault: 'content-length', addBytes: 10 }, '/longer')
    const response = await fetchFrom(open(), '/longer')
    const { bytes, error } = await drain(response)
    expect(kindOf(error)).toBe('http_response_incomplete')
    expect(bytes).toHaveLength(1000)
    expect((await response.settled).kind).toBe('broken')
  })

  itWhere(traits.hasUnknownLengths !== false)(
    'tells a body that the end of the connection ends from one that is delimited',
    async () => {
      const { put } = open()
      const inject = required(open().inject)
      await put('/closing', { sizeBytes: 1000 })
      inject({ fault: 'close-delimited', end: 'fin' }, '/closing')
      const response = await fetchFrom(open(), '/closing')
      expect(response.isDelimited).toBe(false)
      const { bytes, error } = await drain(response)
      expect(error).toBeUndefined()
      expect(bytes).toHaveLength(1000)
    },
  )
}
