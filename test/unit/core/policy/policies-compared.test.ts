import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { ConfigInput } from '#config'
import type { Asked } from '#core/entry/asked.ts'
import { combined, has } from '#core/entry/fields.ts'
import { parseRequestDirectives } from '#core/http/cache-control.ts'
import type { PolicySettings } from '#core/policy/settings.ts'
import { decideStorable } from '#core/policy/storable.ts'

import { compiledSites } from '../../../support/compiled-sites.ts'
import { differentialCases } from '../../../support/differential-cases.ts'
import type { RequestFacts } from '../../../support/odd-requests.ts'
import { testAsked } from '../../../support/policy.ts'

function policyNamed(policy: NonNullable<ConfigInput['policy']>): PolicySettings {
  const upstream = { fetch: () => Promise.reject(new Error('Cannot be asked')) }
  const [site] = compiledSites({ policy }, upstream)
  if (site === undefined) throw new Error('Cannot compile a site')
  return site.policy
}

const CAREFUL = policyNamed('careful')
const RFC = policyNamed('rfc')

function askedOf({ method, fields }: RequestFacts): Asked {
  return testAsked({
    method,
    fields,
    directives: parseRequestDirectives(combined(fields, 'cache-control') ?? ''),
    hasCredentials: has(fields, 'authorization'),
  })
}

describe('the policy "careful"', () => {
  it('stores nothing that "rfc" does not, nothing for longer, and nothing that may be stale for longer', () => {
    let storedCount = 0
    fc.assert(
      fc.property(differentialCases, (facts) => {
        const storable = { ...facts, asked: askedOf(facts.request), isDelimited: true }
        const careful = decideStorable(storable, CAREFUL)
        if (!careful.storable) return
        storedCount++
        const rfc = decideStorable(storable, RFC)
        if (!rfc.storable) throw new Error(`Not stored by "rfc": ${rfc.because}`)
        const [its, theirs] = [careful.freshness, rfc.freshness]
        for (const window of [
          'freshnessLifetimeMs',
          'staleWhileRevalidateMs',
          'staleIfErrorMs',
        ] as const) {
          expect(its[window]).toBeLessThanOrEqual(theirs[window])
        }
        expect(its.mustRevalidate || !theirs.mustRevalidate).toBe(true)
        expect(its.mustValidate || !theirs.mustValidate).toBe(true)
      }),
      { numRuns: 5000 },
    )
    expect(storedCount).toBeGreaterThan(500)
  })
})
