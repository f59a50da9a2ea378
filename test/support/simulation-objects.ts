// What the origin of a simulation has: objects with their versions, some of them for one client only.

import type { ByteSource } from '#core/entry/byte-source.ts'
import { first, without } from '#core/entry/fields.ts'
import type { Upstream } from '#core/ports/upstream.ts'

import type { FakeUpstream } from './fake-upstream.ts'
import { originEtag, originLastModified } from './origin-answer.ts'
import type { SeededRandom } from './seeded-random.ts'

const SEGMENT_BYTES = 1024

export interface CacheRule {
  readonly value: string | undefined
  readonly lifetimeMs: number
  readonly staleMs: number
  /** Each answer is for the one who asked. */
  readonly isPersonal?: boolean
  /** Whether a request with Authorization gets what all others get. */
  readonly isShared?: boolean
  readonly setsCookie?: boolean
}

export const LASTING: CacheRule = { value: 'max-age=100000', lifetimeMs: 1e8, staleMs: 0 }

const RULES: readonly CacheRule[] = [
  LASTING,
  { value: 'max-age=60', lifetimeMs: 60_000, staleMs: 0 },
  { value: 'max-age=2', lifetimeMs: 2000, staleMs: 0 },
  { value: 'public, max-age=30', lifetimeMs: 30_000, staleMs: 0, isShared: true },
  { value: 'no-store', lifetimeMs: 0, staleMs: 0, isPersonal: true },
  { value: 'private, max-age=60', lifetimeMs: 0, staleMs: 0, isPersonal: true },
  { value: 'max-age=60', lifetimeMs: 0, staleMs: 0, isPersonal: true, setsCookie: true },
  { value: 'no-cache', lifetimeMs: 0, staleMs: 0 },
  { value: 'max-age=2, stale-while-revalidate=20', lifetimeMs: 2000, staleMs: 20_000 },
  { value: 'max-age=2, stale-if-error=100', lifetimeMs: 2000, staleMs: 0 },
  { value: 'max-age=5, must-revalidate', lifetimeMs: 5000, staleMs: 0, isShared: true },
  { value: 's-maxage=5', lifetimeMs: 5000, staleMs: 0, isShared: true },
  { value: undefined, lifetimeMs: 0, staleMs: 0 },
]

const SIZES: readonly number[] = [
  0,
  1,
  SEGMENT_BYTES - 1,
  SEGMENT_BYTES,
  SEGMENT_BYTES + 1,
  3 * SEGMENT_BYTES,
  5 * SEGMENT_BYTES + 17,
  10_000,
  40 * SEGMENT_BYTES,
]

export interface Version {
  readonly number: number
  readonly sizeBytes: number
  readonly rule: CacheRule
  readonly putAtMs: number
  /** When another took its place; `Infinity` for the current one. */
  endedAtMs: number
}

export interface SimulatedObject {
  readonly path: string
  readonly validator: 'strong' | 'weak' | 'date' | 'none'
  readonly isChunked: boolean
  readonly takesRanges: boolean
  readonly varies: boolean
  /** Heeds If-Match and If-Unmodified-Since; many an origin does not. */
  readonly heedsMatch: boolean
  readonly versions: Version[]
  /** Ends parts of unknown length early, as if they were whole. */
  cutsParts: boolean
  /** Nothing older may answer who asks from now on: what was older has been invalidated. */
  floor: number
}

export interface ObjectsOptions {
  readonly random: SeededRandom
  readonly isCalm: boolean
  readonly nowMs: number
}

export function makeObjects({ random, isCalm, nowMs }: ObjectsOptions): SimulatedObject[] {
  return Array.from({ length: random.integer(1, 3) }, (_, i) => {
    const object: SimulatedObject = {
      path: `/o${i}`,
      validator: isCalm
        ? 'strong'
        : random.pick(['strong', 'strong', 'strong', 'weak', 'date', 'none']),
      isChunked: !isCalm && random.chance(0.2),
      takesRanges: isCalm || random.chance(0.8),
      varies: !isCalm && random.chance(0.2),
      heedsMatch: isCalm || random.chance(0.75),
      versions: [],
      cutsParts: false,
      floor: 1,
    }
    putVersion(object, { random, isCalm, nowMs })
    return object
  })
}

/** Puts the next version in place of the current one. */
export function putVersion(object: SimulatedObject, options: ObjectsOptions): void {
  const { random, isCalm, nowMs } = options
  const last = object.versions.at(-1)
  if (last !== undefined) last.endedAtMs = nowMs
  const keeps = last !== undefined && random.chance(0.6)
  object.versions.push({
    number: (last?.number ?? 0) + 1,
    sizeBytes: keeps ? last.sizeBytes : random.pick(SIZES),
    rule: isCalm ? LASTING : keeps ? last.rule : random.pick(RULES),
    putAtMs: nowMs,
    endedAtMs: Number.POSITIVE_INFINITY,
  })
}

/** How the oracle knows the bytes that go to this client. */
export function oracleName(object: SimulatedObject, language: string): string {
  return object.varies ? `${object.path}#${language}` : object.path
}

export function personalName(object: SimulatedObject, requestId: string): string {
  return `${object.path}!${requestId}`
}

export function etagOf(object: SimulatedObject, name: string, version: number): string | false {
  if (object.validator === 'none' || object.validator === 'date') return false
  const strong = originEtag(name, version)
  return object.validator === 'weak' ? `W/${strong}` : strong
}

/** Ends after the first chunk. */
function cutShort(body: ByteSource): ByteSource {
  let hasRead = false
  return {
    read() {
      if (!hasRead) {
        hasRead = true
        return body.read()
      }
      body.cancel('cut short')
      return undefined
    },
    cancel: (why) => body.cancel(why),
  }
}

const MATCHING: ReadonlySet<string> = new Set(['if-match', 'if-unmodified-since'])

/** Answers each request with what is there for it now, and marks what is for one client only. */
export function createSimulatedOrigin(
  origin: FakeUpstream,
  objects: readonly SimulatedObject[],
): Upstream {
  const byPath = new Map(objects.map((object) => [object.path, object]))
  return {
    async fetch(request, scope) {
      const object = byPath.get(request.target)
      const version = object?.versions.at(-1)
      if (object === undefined || version === undefined) return origin.fetch(request, scope)
      const { rule, number, sizeBytes } = version
      const requestId = /test-\d+/.exec(scope.id)?.[0] ?? ''
      const hasCredentials = first(request.fields, 'authorization') !== undefined
      const isPersonal = rule.isPersonal === true || (hasCredentials && rule.isShared !== true)
      const name = isPersonal
        ? personalName(object, requestId)
        : oracleName(object, first(request.fields, 'accept-language') ?? '')
      const fields: [string, string][] = []
      if (rule.value !== undefined) fields.push(['cache-control', rule.value])
      if (object.varies) fields.push(['vary', 'accept-language'])
      if (rule.setsCookie === true) fields.push(['set-cookie', `id=${requestId}`])
      if (isPersonal) fields.push(['x-canary', requestId])
      const target = `${object.path}?of=${encodeURIComponent(name)}`
      origin.put(target, {
        sizeBytes,
        version: number,
        object: name,
        etag: etagOf(object, name, number),
        lastModified: object.validator === 'none' ? false : originLastModified(number),
        fields,
        chunked: object.isChunked,
        acceptRanges: object.takesRanges,
      })
      const received = object.heedsMatch ? request.fields : without(request.fields, MATCHING)
      const response = await origin.fetch({ ...request, target, fields: received }, scope)
      const isCut = object.cutsParts && object.isChunked && response.status === 206
      return isCut ? { ...response, body: cutShort(response.body) } : response
    },
  }
}
