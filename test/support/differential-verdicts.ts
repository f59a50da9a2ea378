// The same facts put to this cache's policies and to `http-cache-semantics`.

import CachePolicy from 'http-cache-semantics'

import type { Asked } from '#core/entry/asked.ts'
import type { Fields } from '#core/entry/fields.ts'
import { all, combined } from '#core/entry/fields.ts'
import type { StoredResponse } from '#core/entry/stored-response.ts'
import type { ReadOptions } from '#core/flow/read-request.ts'
import { readHead, readRequest } from '#core/flow/read-request.ts'
import type { Site } from '#core/flow/site.ts'
import { isSameNominated, nominate, selectingFields } from '#core/policy/forwarding.ts'
import { decideReuse } from '#core/policy/reuse.ts'
import type { PolicySettings } from '#core/policy/settings.ts'
import { decideStorable } from '#core/policy/storable.ts'
import {
  freshenedFields,
  selectFreshened,
  strongValidatorOf,
  validatorsOf,
} from '#core/policy/validation.ts'

import { compiledSites } from './compiled-sites.ts'
import type { DifferentialCase } from './differential-cases.ts'
import type { RequestFacts } from './odd-requests.ts'
import { testBody, testHead } from './stored.ts'

/** What the two are asked; each is compared only where they agree on those before it. */
export const QUESTIONS = ['storable', 'lifetime', 'age', 'reuse', 'identified', 'updated'] as const
export type Question = (typeof QUESTIONS)[number]

export type Verdict = string | number | boolean
/** Answers by question; what is not asked of a case is absent. */
export type Verdicts = ReadonlyMap<Question, Verdict>

const READ_OPTIONS: ReadOptions = {
  limits: { maxTargetBytes: 4096, maxFieldBytes: 8192, maxFieldCount: 100 },
  scheme: 'http',
  name: 'sluice',
}

/** What our verdicts are those of. */
export const SITE = siteNearestToTheOther()

/** `--policy rfc`, without upper bounds that the other does not have. */
function siteNearestToTheOther(): Site {
  const upstream = { fetch: () => Promise.reject(new Error('Cannot be asked')) }
  const [site] = compiledSites({ policy: 'rfc', methods: 'all' }, upstream)
  if (site === undefined) throw new Error('Cannot compile a site')
  const policy: PolicySettings = {
    ...site.policy,
    maxTtlMs: Infinity,
    maxHeuristicTtlMs: Infinity,
  }
  return { ...site, policy }
}

function askedOf({ method, fields }: RequestFacts): Asked {
  const lines = ['Host', 'a.example', ...fields]
  const head = readHead(
    { method, target: '/object', httpVersion: '1.1', lines, body: undefined },
    READ_OPTIONS,
  )
  const asked = head.kind === 'refused' ? head : readRequest(head, SITE)
  if ('kind' in asked) throw new Error(`Cannot ask: ${asked.reason}`)
  return asked
}

export function ourVerdicts(facts: DifferentialCase): Verdicts {
  const verdicts = new Map<Question, Verdict>()
  const asked = askedOf(facts.request)
  const { policy } = SITE
  const storable = decideStorable({ ...facts, asked, isDelimited: true }, policy)
  verdicts.set('storable', storable.storable)
  if (!storable.storable) return verdicts
  const { isExplicit: _, ...freshness } = storable.freshness
  const stored = testHead(asked.key, testBody('body'), {
    ...freshness,
    status: facts.status,
    fields: facts.fields,
    nominated: nominate(facts.fields, selectingFields(asked.fields, SITE.forward)),
    validators: validatorsOf(facts.fields, facts.receivedAtMs),
    validatedAtMs: facts.receivedAtMs,
  })
  // What must be validated each time is fresh at no time.
  verdicts.set('lifetime', stored.mustValidate ? 0 : stored.freshnessLifetimeMs / 1000)
  verdicts.set('age', (facts.nowMs - stored.bornAtMs) / 1000)
  verdicts.set('reuse', ourReuse(stored, facts))
  const { notModified, nowMs } = facts
  const isIdentified = selectFreshened(notModified, stored, [stored], nowMs) !== undefined
  verdicts.set('identified', isIdentified)
  if (!isIdentified) return verdicts
  const isStrong = strongValidatorOf(stored.validators) !== undefined
  verdicts.set('updated', textOfFields(freshenedFields(facts.fields, notModified, isStrong)))
  return verdicts
}

function ourReuse(stored: StoredResponse, { later, nowMs }: DifferentialCase): string {
  const asked = askedOf(later)
  const forwarded = selectingFields(asked.fields, SITE.forward)
  if (!isSameNominated(stored.nominated, forwarded)) return 'revalidate'
  const { minValidationIntervalMs } = SITE.policy
  return decideReuse(stored, asked.directives, nowMs, minValidationIntervalMs).action
}

let theirNowMs = 0

/** Theirs on our clock: `now` is what they give for tests to replace. */
class SteppedPolicy extends CachePolicy {
  now(): number {
    return theirNowMs
  }
}

export function theirVerdicts(facts: DifferentialCase): Verdicts {
  const verdicts = new Map<Question, Verdict>()
  theirNowMs = facts.receivedAtMs
  const request = theirRequest(facts.request)
  const response = { status: facts.status, headers: theirHeaders(facts.fields) }
  const policy = new SteppedPolicy(request, response, {
    shared: true,
    cacheHeuristic: 0.1,
    immutableMinTimeToLive: 0,
  })
  verdicts.set('storable', policy.storable())
  verdicts.set('lifetime', Math.max(0, policy.maxAge()))
  theirNowMs = facts.nowMs
  verdicts.set('age', policy.age())
  const { response: reused, revalidation } = policy.evaluateRequest(theirRequest(facts.later))
  const whenReused = revalidation === undefined ? 'serve' : 'serve-and-revalidate'
  verdicts.set('reuse', reused === undefined ? 'revalidate' : whenReused)
  const notModified = { status: 304, headers: theirHeaders(facts.notModified) }
  const revalidated = policy.revalidatedPolicy(theirRequest(facts.request), notModified)
  // Theirs may be absent, whatever its type says.
  verdicts.set('identified', (revalidated.matches as boolean | undefined) === true)
  verdicts.set('updated', textOf(revalidated.policy.toObject().resh))
  return verdicts
}

function theirRequest({ method, fields }: RequestFacts): CachePolicy.HttpRequest {
  return { method, url: '/object', headers: { host: 'a.example', ...theirHeaders(fields) } }
}

/** Fields of which Node keeps the first line only, before the other sees them. */
const FIRST_ONLY: ReadonlySet<string> = new Set([
  'age',
  'content-length',
  'etag',
  'expires',
  'last-modified',
])

/** As `IncomingMessage.headers` of Node has them, for which it is made. */
function theirHeaders(fields: Fields): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    const value = FIRST_ONLY.has(name) ? all(fields, name)[0] : combined(fields, name)
    headers[name] = (value ?? '').trim()
  }
  return headers
}

/** Fields that each answer gets anew, or that are not taken from a 304 by anybody. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['age', 'content-length', 'date'])

export function textOfFields(fields: Fields): string {
  return textOf(theirHeaders(fields))
}

function textOf(values: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(values).filter((name) => !NOT_COMPARED.has(name))
  return names
    .toSorted()
    .map((name) => `${name}: ${String(values[name])}`)
    .join('\n')
}
