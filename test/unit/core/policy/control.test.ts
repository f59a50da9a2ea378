import { describe, expect, it } from 'vitest'

import { controlOf } from '#core/policy/control.ts'
import { decideStorable } from '#core/policy/storable.ts'
import type { StorableFacts } from '#core/policy/storable.ts'
import { testAsked, testPolicy } from '../../../support/policy.ts'

const NOW_MS = Date.UTC(2026, 10, 20)
const TARGETED = ['sluice-cache-control', 'cdn-cache-control']

function decide(fields: readonly string[], facts: Partial<StorableFacts> = {}, settings = {}) {
  return decideStorable(
    {
      asked: testAsked(),
      status: 200,
      fields,
      sentAtMs: NOW_MS,
      receivedAtMs: NOW_MS,
      isDelimited: true,
      ...facts,
    },
    testPolicy(settings),
  )
}

describe('controlOf', () => {
  it('takes the first targeted field of the list, and ignores Cache-Control then (RFC 9213 §2.2)', () => {
    const fields = ['cache-control', 'no-store', 'cdn-cache-control', 'max-age=60']
    expect(controlOf(fields, testPolicy({ targetedFields: TARGETED }))).toMatchObject({
      isTargeted: true,
      directives: { noStore: false, maxAgeSeconds: 60 },
    })
    const both = [...fields, 'sluice-cache-control', 'max-age=5']
    expect(controlOf(both, testPolicy({ targetedFields: TARGETED })).directives.maxAgeSeconds).toBe(
      5,
    )
  })

  it('passes over a targeted field that does not parse (RFC 9213 §2.1)', () => {
    const fields = ['cache-control', 'max-age=7', 'cdn-cache-control', 'max-age=60,']
    expect(controlOf(fields, testPolicy({ targetedFields: TARGETED }))).toMatchObject({
      isTargeted: false,
      directives: { maxAgeSeconds: 7 },
    })
  })

  it('knows only the fields it is told of', () => {
    const fields = ['cdn-cache-control', 'max-age=60']
    expect(controlOf(fields, testPolicy({ targetedFields: [] }))).toMatchObject({
      isTargeted: false,
    })
  })
})

describe('a targeted field in decideStorable', () => {
  it('silences Expires too (RFC 9213 §2.2)', () => {
    const expired = new Date(NOW_MS - 1000).toUTCString()
    expect(decide(['expires', expired, 'cdn-cache-control', 'max-age=60'])).toMatchObject({
      storable: true,
      freshness: { freshnessLifetimeMs: 60_000 },
    })
  })

  it('keeps no-store with must-understand only for statuses it knows (RFC 9111 §5.2.2.3)', () => {
    const fields = ['cache-control', 'max-age=60, no-store, must-understand']
    expect(decide(fields)).toMatchObject({ storable: true })
    const any = { storesAnyStatus: true }
    expect(decide(fields, { status: 299 }, any)).toMatchObject({ because: 'status' })
  })

  it('guesses at freshness only where it is set to, and only for statuses that allow it (§4.2.2)', () => {
    const lastModified = new Date(NOW_MS - 1_000_000).toUTCString()
    const fields = ['last-modified', lastModified]
    const guessing = { heuristicFraction: 0.1, storesAnyStatus: true }
    expect(decide(fields)).toMatchObject({ freshness: { freshnessLifetimeMs: 0 } })
    expect(decide(fields, {}, guessing)).toMatchObject({
      freshness: { freshnessLifetimeMs: 100_000, isExplicit: false },
    })
    expect(decide(fields, { status: 404 }, guessing)).toMatchObject({ storable: true })
    expect(decide(fields, { status: 302 }, guessing)).toMatchObject({ because: 'status' })
    expect(decide(fields, { status: 404 })).toMatchObject({ because: 'status' })
    const open = [...fields, 'cache-control', 'public']
    expect(decide(open, { status: 302 }, guessing)).toMatchObject({
      freshness: { freshnessLifetimeMs: 100_000 },
    })
  })

  it('stores errors with explicit freshness, and Set-Cookie, only where it is set to', () => {
    const fields = ['cache-control', 'max-age=60', 'set-cookie', 'a=b']
    expect(decide(fields)).toMatchObject({ because: 'set-cookie' })
    expect(decide(fields, {}, { storesSetCookie: true })).toMatchObject({ storable: true })
    const error = ['cache-control', 'max-age=60']
    expect(decide(error, { status: 500 })).toMatchObject({ because: 'status' })
    expect(decide(error, { status: 500 }, { storesAnyStatus: true })).toMatchObject({
      storable: true,
    })
  })
})
