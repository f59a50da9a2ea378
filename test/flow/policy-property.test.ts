import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { Fields } from '#core/entry/fields.ts'
import { has, pairs } from '#core/entry/fields.ts'
import { formatHttpDate } from '#core/http/http-date.ts'

import { differentialCases } from '../support/differential-cases.ts'
import type { DifferentialCase } from '../support/differential-cases.ts'
import { SITE, ourVerdicts } from '../support/differential-verdicts.ts'
import { createEdge } from '../support/edge.ts'

/** Of these the flow keeps only what the origin says itself (RFC 9111 §4.3.3). */
const FAILED_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504])

/** What a whole object answers at once, with the Date that whoever receives it would add (RFC 9110 §6.6.1). */
const cases = differentialCases
  .filter(({ status, request }) => status !== 206 && request.method === 'GET')
  .filter(({ status }) => !FAILED_STATUSES.has(status))
  .map((facts): DifferentialCase => {
    const { fields, receivedAtMs } = facts
    const date = has(fields, 'date') ? [] : ['date', formatHttpDate(receivedAtMs)]
    return { ...facts, sentAtMs: receivedAtMs, fields: [...fields, ...date] }
  })

/** Tells whether the second request was answered from the store, and how often the origin was asked. */
async function run(facts: DifferentialCase): Promise<{ isHit: boolean; askedCount: number }> {
  const { policy, forward } = SITE
  const edge = createEdge({ site: { policy, forward, methods: 'all' } })
  edge.clock.setWall(facts.receivedAtMs)
  const { status, request, later, receivedAtMs, nowMs } = facts
  edge.origin.put('/object', {
    status,
    body: 'hello',
    etag: false,
    lastModified: false,
    acceptRanges: false,
    fields: pairs(facts.fields),
  })
  await edge.get('/object', named(request.fields))
  await edge.fillScopes.settled()
  await edge.clock.step(nowMs - receivedAtMs)
  const got = await edge.get('/object', named(later.fields), later.method)
  const askedCount = edge.origin.requests.length
  await got.scope.settled()
  return { isHit: got.cache.startsWith('hit'), askedCount }
}

function named(fields: Fields): Readonly<Record<string, string>> {
  return Object.fromEntries(pairs(fields))
}

describe('the flow', () => {
  it('answers from the store exactly what the policies let it (RFC 9111 §3, §4)', async () => {
    let hitCount = 0
    await fc.assert(
      fc.asyncProperty(cases, async (facts) => {
        const verdicts = ourVerdicts(facts)
        const reuse = verdicts.get('reuse')
        const mayHit = verdicts.get('storable') === true && reuse !== 'revalidate'
        const { isHit, askedCount } = await run(facts)
        expect(isHit).toBe(mayHit)
        expect(reuse !== 'serve' || askedCount === 1).toBe(true)
        if (isHit) hitCount++
      }),
      { numRuns: 1500 },
    )
    expect(hitCount).toBeGreaterThan(100)
  })
})
