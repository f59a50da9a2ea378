// An object of a test origin that is replaced now and then, and the record of what it was when.

import { originEtag, originLastModified } from './origin-answer.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { TestOrigin } from './test-origin.ts'

const VALIDATORS = ['strong tag', 'weak tag', 'date', 'none'] as const

export interface ObjectKind {
  readonly validator: (typeof VALIDATORS)[number]
  /** Its length is known only with its end. */
  readonly isChunked: boolean
  readonly takesRanges: boolean
  /** Whether If-Match keeps another version from being sent. */
  readonly heedsMatch: boolean
  /** Cache-Control; `undefined` sends none. */
  readonly control: string | undefined
  /** For how long it may be served without asking the origin. */
  readonly lifetimeMs: number
}

export interface ObjectVersion {
  readonly number: number
  readonly sizeBytes: number
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  /** When another took its place; `Infinity` for the current one. Wall clock with a fraction. */
  endedAtMs: number
}

export interface FlippingObject {
  readonly path: string
  readonly kind: ObjectKind
  readonly versions: readonly ObjectVersion[]
  readonly current: ObjectVersion
  /** From now on the origin may have said these complete lengths in place of the true one. */
  lie(lengthOf: (sizeBytes: number) => number): void
  /** Lengths that may have been told of a version, the true one first. */
  lengthsOf(version: ObjectVersion): readonly number[]
  readonly hasLied: boolean
  /** Puts the next version in place of the current one, of another size or of the same. */
  flip(): void
}

const RULES: readonly Pick<ObjectKind, 'control' | 'lifetimeMs'>[] = [
  { control: 'max-age=3600', lifetimeMs: 3_600_000 },
  { control: 'max-age=3600', lifetimeMs: 3_600_000 },
  { control: 'max-age=3600', lifetimeMs: 3_600_000 },
  { control: 'max-age=0', lifetimeMs: 0 },
  { control: 'no-cache', lifetimeMs: 0 },
  { control: 'max-age=1', lifetimeMs: 1000 },
  { control: 'max-age=1, stale-while-revalidate=1', lifetimeMs: 2000 },
  { control: undefined, lifetimeMs: 0 },
  { control: 'no-store', lifetimeMs: 0 },
]

export interface FlippingObjectOptions {
  readonly origin: TestOrigin
  readonly path: string
  readonly random: SeededRandom
  readonly segmentBytes: number
}

export function putFlippingObject(options: FlippingObjectOptions): FlippingObject {
  const { origin, path, random, segmentBytes } = options
  const kind = pickKind(random)
  const versions: ObjectVersion[] = []
  const lies: ((sizeBytes: number) => number)[] = []

  function put(): void {
    const last = versions.at(-1)
    const number = versions.length + 1
    const keepsSize = last !== undefined && random.chance(0.6)
    const sizeBytes = keepsSize ? last.sizeBytes : pickSize(random, segmentBytes)
    const strong = originEtag(path, number)
    const etag = {
      'strong tag': strong,
      'weak tag': `W/${strong}`,
      date: undefined,
      none: undefined,
    }
    const version: ObjectVersion = {
      number,
      sizeBytes,
      etag: etag[kind.validator],
      lastModified: kind.validator === 'none' ? undefined : originLastModified(number),
      endedAtMs: Number.POSITIVE_INFINITY,
    }
    if (last !== undefined) last.endedAtMs = wallMs()
    versions.push(version)
    origin.replace(path, {
      sizeBytes,
      version: number,
      etag: version.etag ?? false,
      lastModified: version.lastModified ?? false,
      chunked: kind.isChunked,
      acceptRanges: kind.takesRanges,
      heedsMatch: kind.heedsMatch,
      fields: kind.control === undefined ? [] : [['Cache-Control', kind.control]],
    })
  }

  put()
  return {
    path,
    kind,
    versions,
    get current() {
      return versions[versions.length - 1] as ObjectVersion
    },
    lie: (lengthOf) => void lies.push(lengthOf),
    lengthsOf: ({ sizeBytes }) => [sizeBytes, ...lies.map((lengthOf) => lengthOf(sizeBytes))],
    get hasLied() {
      return lies.length > 0
    },
    flip: put,
  }
}

/** The clock of the origin's log. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now()
}

function pickKind(random: SeededRandom): ObjectKind {
  return {
    validator: random.chance(0.5) ? 'strong tag' : random.pick(VALIDATORS),
    isChunked: random.chance(0.12),
    takesRanges: random.chance(0.88),
    heedsMatch: random.chance(0.75),
    ...random.pick(RULES),
  }
}

/** Small ones mostly; what happens at the edges of segments needs no large ones. */
function pickSize(random: SeededRandom, segmentBytes: number): number {
  if (random.chance(0.02)) return random.integer(20, 50) * segmentBytes + random.integer(-1, 1)
  return random.pick([
    0,
    1,
    random.integer(2, 5000),
    random.integer(5000, segmentBytes),
    segmentBytes - 1,
    segmentBytes,
    segmentBytes + 1,
    2 * segmentBytes,
    2 * segmentBytes + random.integer(1, 3000),
    3 * segmentBytes - random.integer(1, 3000),
    5 * segmentBytes + 17,
  ])
}
