import { describe, expect, it } from 'vitest'

import type { Asked } from '#core/entry/asked.ts'
import type { Fields } from '#core/entry/fields.ts'
import { NO_DIRECTIVES } from '#core/http/cache-control.ts'
import type { PolicySettings } from '#core/policy/settings.ts'
import type { StorableFacts } from '#core/policy/storable.ts'
import { decideStorable, isRequestsOwnReason } from '#core/policy/storable.ts'

import { testAsked, testPolicy } from '../../../support/policy.ts'

const FRESH = ['cache-control', 'max-age=60']

interface Case {
  readonly fields?: Fields
  readonly asked?: Partial<Asked>
  readonly settings?: Partial<PolicySettings>
  readonly facts?: Partial<StorableFacts>
}

function reasonOf({ fields = FRESH, asked, settings, facts }: Case): string {
  const times = { sentAtMs: 0, receivedAtMs: 0, isDelimited: true, status: 200 }
  const all = { ...times, fields, asked: testAsked(asked), ...facts }
  const verdict = decideStorable(all, testPolicy(settings))
  return verdict.storable ? 'stored' : verdict.because
}

function withCache(value: string, ...more: string[]): Fields {
  return ['cache-control', value, ...more]
}

const AUTHORIZED = { hasCredentials: true, fields: ['authorization', 'Basic x'] }
const WITH_COOKIE = { hasCredentials: true, fields: ['cookie', 'a=1'] }

describe('decideStorable', () => {
  it.each([
    ['what is fresh', {}, 'stored'],
    ['what has a validator', { fields: ['etag', '"a"'] }, 'stored'],
    ['what has a date', { fields: ['last-modified', 'x'] }, 'stored'],
    ['nothing that has neither', { fields: [] }, 'no freshness and no validator'],
    [
      'nothing stale without one',
      { fields: withCache('max-age=0') },
      'no freshness and no validator',
    ],
    ['no HEAD', { asked: { method: 'HEAD' } }, 'method'],
    ['no POST', { asked: { method: 'POST' } }, 'method'],
    ['no-store', { fields: withCache('max-age=60, no-store') }, 'no-store'],
    ['private', { fields: withCache('max-age=60, private') }, 'private'],
    ['private fields', { fields: withCache('max-age=60, private="x"') }, 'private'],
    [
      'no-store on a line of its own',
      { fields: [...FRESH, 'cache-control', 'no-store'] },
      'no-store',
    ],
    ['no-cache, to be validated', { fields: withCache('no-cache', 'etag', '"a"') }, 'stored'],
    ['Set-Cookie', { fields: [...FRESH, 'set-cookie', 'a=1'] }, 'set-cookie'],
    ['Vary: *', { fields: [...FRESH, 'vary', 'a, *'] }, 'vary *'],
    ['what has no end', { facts: { isDelimited: false } }, 'no end'],
    [
      'request no-store',
      { asked: { directives: { ...NO_DIRECTIVES, noStore: true } } },
      'request no-store',
    ],
  ] as const)('stores, or not: %s (RFC 9111 §3)', (_name, facts, wanted) => {
    expect(reasonOf(facts)).toBe(wanted)
  })

  it('stores only final statuses that it understands (RFC 9111 §3)', () => {
    const found = Array.from({ length: 500 }, (_, i) => i + 100).filter(
      (status) => reasonOf({ facts: { status } }) === 'stored',
    )
    expect(found).toEqual([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 410])
    expect(reasonOf({ facts: { status: 206 } })).toBe('status')
  })

  it('keeps no error on the strength of a validator (T-36)', () => {
    expect(reasonOf({ fields: ['etag', '"a"'], facts: { status: 404 } })).toBe('status')
    expect(reasonOf({ fields: [...FRESH, 'etag', '"a"'], facts: { status: 404 } })).toBe('stored')
  })

  it('stores in spite of Set-Cookie where the site says so', () => {
    const fields = [...FRESH, 'set-cookie', 'a=1']
    expect(reasonOf({ fields, settings: { ignoresSetCookie: true } })).toBe('stored')
  })
})

describe('decideStorable for requests with credentials', () => {
  it.each([
    ['max-age=60', 'authorization'],
    ['max-age=60, public', 'stored'],
    ['s-maxage=60', 'stored'],
    ['max-age=60, must-revalidate', 'stored'],
    ['public, private', 'private'],
  ])('with Authorization, %s: %s (RFC 9111 §3.5)', (value, wanted) => {
    expect(reasonOf({ fields: withCache(value), asked: AUTHORIZED })).toBe(wanted)
  })

  it('stores nothing that was chosen by the credentials themselves (RFC 9111 §4.1)', () => {
    const fields = withCache('public, max-age=60', 'vary', 'Authorization')
    expect(reasonOf({ fields, asked: AUTHORIZED })).toBe('authorization')
  })

  it('does not mind an Authorization that goes no further', () => {
    expect(reasonOf({ asked: { ...AUTHORIZED, hasCredentials: false } })).toBe('stored')
  })

  it('stores after a Cookie only where the site says so', () => {
    expect(reasonOf({ asked: WITH_COOKIE })).toBe('cookie')
    expect(reasonOf({ fields: withCache('public, max-age=60'), asked: WITH_COOKIE })).toBe('cookie')
    expect(reasonOf({ asked: WITH_COOKIE, settings: { storesWithCookie: true } })).toBe('stored')
  })
})

describe('isRequestsOwnReason', () => {
  it('tells what lies in the request from what holds for the key', () => {
    const own = ['request no-store', 'authorization', 'cookie', 'method'] as const
    const others = ['status', 'no-store', 'private', 'set-cookie', 'vary *', 'no end'] as const
    expect(own.every(isRequestsOwnReason)).toBe(true)
    expect(others.some(isRequestsOwnReason)).toBe(false)
  })
})
