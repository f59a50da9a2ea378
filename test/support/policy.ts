// Settings and requests for tests of policies: nothing granted but what a test names.

import type { Asked } from '#core/entry/asked.ts'
import { NO_PRECONDITIONS } from '#core/entry/asked.ts'
import { NO_DIRECTIVES } from '#core/http/cache-control.ts'
import type { PolicySettings } from '#core/policy/settings.ts'

import { testKey } from './stored.ts'

export function testPolicy(settings: Partial<PolicySettings> = {}): PolicySettings {
  return {
    ttlRules: [],
    defaultTtlMs: undefined,
    targetedFields: ['cdn-cache-control'],
    heuristicFraction: 0,
    maxHeuristicTtlMs: 86_400_000,
    storesAnyStatus: false,
    storesSetCookie: false,
    staleNeedsPermission: true,
    negativeTtlMs: new Map([
      [404, 10_000],
      [410, 10_000],
    ]),
    storesPost: false,
    storesUndelimited: false,
    honoursQualified: false,
    maxTtlMs: 31_536_000_000,
    staleWindowMs: 0,
    staleAfterMs: 1000,
    isOriginShared: false,
    minValidationIntervalMs: 0,
    hitForMissMs: 60_000,
    maxFieldCount: 100,
    maxFieldsBytes: 16_384,
    ignoresSetCookie: false,
    storesWithCookie: false,
    ...settings,
  }
}

/** A plain GET of `/object`. */
export function testAsked(facts: Partial<Asked> = {}): Asked {
  return {
    method: 'GET',
    key: testKey('object'),
    scheme: 'http',
    authority: 'a.example',
    target: '/object',
    httpVersion: '1.1',
    fields: [],
    directives: NO_DIRECTIVES,
    range: undefined,
    preconditions: NO_PRECONDITIONS,
    hasCredentials: false,
    body: undefined,
    bodyBytes: undefined,
    ...facts,
  }
}
