// Random Range fields, each of a named shape, for an object of a known size.

import type { SeededRandom } from './seeded-random.ts'

const SHAPES = [
  'whole',
  'HEAD',
  'a-b',
  'a-',
  '-n',
  'several',
  'abusive',
  'unsatisfiable',
  'invalid',
  'saturating',
] as const

export type RangeShape = (typeof SHAPES)[number]

export interface ShapedRange {
  readonly shape: RangeShape
  readonly method: 'GET' | 'HEAD'
  readonly range: string | undefined
}

export interface ShapeFacts {
  readonly random: SeededRandom
  readonly sizeBytes: number
  readonly segmentBytes: number
}

/** How often a shape comes, of the sum of all. */
const WEIGHTS: Readonly<Record<RangeShape, number>> = {
  whole: 16,
  HEAD: 3,
  'a-b': 26,
  'a-': 9,
  '-n': 9,
  several: 24,
  abusive: 2,
  unsatisfiable: 3,
  invalid: 3,
  saturating: 5,
}

const INVALID = [
  'bytes=',
  'bytes=-',
  'bytes=,',
  'bytes=5-2',
  'bytes=0-9-',
  'bytes=a-b',
  'bytes=0-9,7-3',
  'bytes=0-9;10-19',
  'bytes=9007199254740993-9007199254740992',
  'octets=0-1',
  'cats',
  'bytes',
]

const BEYOND = ['9007199254740993', '18446744073709551616', '99999999999999999999999999']

export function makeRange(facts: ShapeFacts): ShapedRange {
  const shape = pickShape(facts.random)
  const method = shape === 'HEAD' ? 'HEAD' : 'GET'
  return { shape, method, range: rangeOf(shape, facts) }
}

function pickShape(random: SeededRandom): RangeShape {
  const sum = SHAPES.reduce((before, shape) => before + WEIGHTS[shape], 0)
  let rest = random.next() * sum
  for (const shape of SHAPES) {
    rest -= WEIGHTS[shape]
    if (rest < 0) return shape
  }
  return 'whole'
}

function rangeOf(shape: RangeShape, facts: ShapeFacts): string | undefined {
  const { random, sizeBytes } = facts
  switch (shape) {
    case 'whole':
      return undefined
    case 'HEAD':
      return random.chance(0.5) ? `bytes=${closed(facts)}` : undefined
    case 'a-b':
      return `bytes=${closed(facts)}`
    case 'a-':
      return `bytes=${position(facts)}-`
    case '-n':
      return `bytes=-${lengthOf(facts)}`
    case 'several':
      return `bytes=${several(facts)}`
    case 'abusive':
      return `bytes=${abusive(facts)}`
    case 'unsatisfiable':
      return random.pick([
        `bytes=${sizeBytes}-`,
        `bytes=${sizeBytes}-${sizeBytes + 9}`,
        `bytes=${sizeBytes + random.integer(1, 100_000)}-`,
        'bytes=-0',
        `bytes=${sizeBytes}-,-0`,
      ])
    case 'invalid':
      return random.pick(INVALID)
    case 'saturating':
      return saturating(facts)
  }
}

/** Rather near a segment's edge, or an end of the object, than anywhere. */
function position({ random, sizeBytes, segmentBytes }: ShapeFacts): number {
  const last = Math.max(0, sizeBytes - 1)
  if (random.chance(0.4)) return random.integer(0, last)
  const edges = [0, last, segmentBytes * random.integer(0, Math.floor(last / segmentBytes))]
  return Math.min(last, Math.max(0, random.pick(edges) + random.integer(-2, 2)))
}

function lengthOf(facts: ShapeFacts): number {
  const { random, sizeBytes, segmentBytes } = facts
  const few = random.integer(1, 100)
  return random.pick([
    1,
    few,
    few * 100,
    segmentBytes - 1,
    segmentBytes,
    segmentBytes + 1,
    sizeBytes + 5,
  ])
}

function closed(facts: ShapeFacts): string {
  const first = position(facts)
  return `${first}-${first + lengthOf(facts) - 1}`
}

/** In any order, with and without gaps, overlapping, beyond the end, with spaces and empty members. */
function several(facts: ShapeFacts): string {
  const { random, sizeBytes } = facts
  const members: string[] = []
  const stepBytes = Math.max(1, Math.floor(sizeBytes / 8))
  let next = random.integer(0, stepBytes)
  for (let count = random.integer(2, 5); count > 0; count -= 1) {
    const lengthBytes = random.integer(1, stepBytes)
    members.push(`${next}-${next + lengthBytes - 1}`)
    const gap = random.pick([0, 1, random.integer(2, 79), 80, 81, stepBytes, stepBytes])
    next += lengthBytes + gap
  }
  if (random.chance(0.15)) members.push(`-${random.integer(1, stepBytes)}`)
  if (random.chance(0.15)) members.push(`${sizeBytes + 7}-${sizeBytes + 9}`)
  if (random.chance(0.2)) members.push(closed(facts))
  if (random.chance(0.4)) members.reverse()
  if (random.chance(0.1)) members.splice(1, 0, '', ' ')
  return members.join(random.pick([',', ',', ', ', ' ,\t']))
}

function abusive({ random, sizeBytes }: ShapeFacts): string {
  const last = Math.max(0, sizeBytes - 1)
  return random.pick([
    Array.from({ length: 201 }, (_, i) => `${i * 3}-${i * 3}`).join(','),
    Array.from({ length: random.integer(2, 200) }, () => '0-').join(','),
    `0-${last},0-${last}`,
    `0-,-${sizeBytes},1-`,
    Array.from({ length: 8 }, (_, i) => `${i}-${i + 9}`).join(','),
  ])
}

function saturating({ random, sizeBytes }: ShapeFacts): string {
  const huge = random.pick(BEYOND)
  const first = random.integer(0, Math.max(0, sizeBytes - 1))
  return random.pick([
    `bytes=${first}-${huge}`,
    `bytes=-${huge}`,
    `bytes=${huge}-`,
    `bytes=${huge}-${huge}`,
    `bytes=000000000000000000000${first}-${huge}`,
    `Bytes=${first}-${huge}`,
  ])
}
