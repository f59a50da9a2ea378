// A request on a connection that had answered before was sent again when the origin closed it, up to three
// times in all, though the origin had seen it each time. Once more is right: the origin may have closed it just as we
// wrote.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { UpstreamError } from '#core/ports/upstream.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import { createPick } from '#core/upstream/pick.ts'
import type { RetryBudget } from '#core/upstream/retry-budget.ts'
import { withRetry } from '#core/upstream/retry.ts'
import { ask, failureOf } from '../support/ask.ts'
import { startRawOrigin, wire } from '../support/raw-origin.ts'
import type { RawOrigin } from '../support/raw-origin.ts'
import { createSteppedClock } from '../support/stepped-clock.ts'
import { connectTo } from '../support/socket-upstream.ts'

const ENDLESS: RetryBudget = { noteRequest: () => undefined, take: () => true }
const RULES = {
  clock: createSteppedClock(),
  random: () => 0,
  maxAttemptCount: 3,
  budget: ENDLESS,
  minDelayMs: 0,
  jitterMs: 0,
  maxDelayMs: 0,
}

let origin: RawOrigin
beforeEach(async () => {
  origin = await startRawOrigin()
})
afterEach(async () => await origin.close())

describe('a request that the origin has seen', () => {
  it('is sent once more to an origin that closes the connection, if that was used before (RFC 9110 §9.2.2)', async () => {
    const member = {
      address: 'one:80',
      upstream: connectTo(new URL(origin.url)),
      weight: 1,
      isBackup: false,
      waitMs: () => 0,
      runningCount: () => 0,
    }
    const upstream = withRetry(createPick([member], 'round-robin'), {
      ...RULES,
      hasOther: () => false,
    })
    // Several connections, so that each attempt would find another one that was used.
    origin.answer(() => wire(200, [], 'hello'))
    await Promise.all([ask(upstream, '/a'), ask(upstream, '/b'), ask(upstream, '/c')])
    origin.reset()
    origin.answer((_request, socket) => void socket.end())
    const error = await failureOf(ask(upstream, '/gone'))
    expect(error).toMatchObject({ kind: 'connection_terminated' })
    expect(origin.requests.map(({ target }) => target)).toEqual(['/gone', '/gone'])
    // The second had no connection that was used before, and what ends a fresh one is what was asked.
    expect(await failureOf(ask(upstream, '/again'))).toMatchObject({ retryable: false })
  })

  it('is sent to another address that there is', async () => {
    const seen: string[] = []
    const inner: Upstream = {
      async fetch({ avoid }) {
        const address = avoid?.has('one:80') === true ? 'two:80' : 'one:80'
        seen.push(address)
        const message = 'Cannot read response'
        const error = new UpstreamError('connection_terminated', message, { retryable: true })
        error.address = address
        throw error
      },
    }
    const upstream = withRetry(inner, {
      ...RULES,
      maxAttemptCount: 5,
      hasOther: (tried) => !tried.has('two:80'),
    })
    await failureOf(ask(upstream, '/a'))
    expect(seen).toEqual(['one:80', 'two:80'])
  })
})
