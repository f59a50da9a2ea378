// What the clients of a simulation ask.

import { SEGMENT_BYTES } from './edge.ts'
import { originLastModified } from './origin-answer.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedObject } from './simulation-objects.ts'
import { etagOf, oracleName } from './simulation-objects.ts'

/** What asks for bytes alone. */
export function calmFields(random: SeededRandom, object: SimulatedObject): Record<string, string> {
  // One range that can be served: anything else may be relayed, which costs bytes for nobody else.
  const sizeBytes = object.versions.at(-1)?.sizeBytes ?? 0
  if (sizeBytes === 0 || random.chance(0.5)) return {}
  const firstPos = random.integer(0, sizeBytes - 1)
  const lastPos = firstPos + random.pick([0, 10, 500, SEGMENT_BYTES, 9000])
  return { range: random.pick([`bytes=${firstPos}-`, `bytes=${firstPos}-${lastPos}`]) }
}

/** Ranges, conditions, directives and credentials, in any company. */
export function fieldsOf(random: SeededRandom, object: SimulatedObject): Record<string, string> {
  const fields: Record<string, string> = {}
  const known = random.pick(object.versions).number
  const language = random.pick(['', 'de', 'fr'])
  if (object.varies && language !== '') fields['accept-language'] = language
  const etag = etagOf(object, oracleName(object, object.varies ? language : ''), known)
  const tag = etag === false ? '"none"' : etag
  if (random.chance(0.45)) fields['range'] = rangeOf(random, object)
  if (fields['range'] !== undefined && random.chance(0.2)) {
    fields['if-range'] = random.chance(0.8) ? tag : originLastModified(known)
  }
  const roll = random.next()
  if (roll < 0.1) fields['if-none-match'] = random.pick([tag, tag, tag, '*', '"other"'])
  else if (roll < 0.13) fields['if-modified-since'] = originLastModified(known)
  else if (roll < 0.22 && etag !== false) fields['if-match'] = tag
  const directive = random.next()
  if (directive < 0.08) fields['cache-control'] = 'no-cache'
  else if (directive < 0.13) fields['cache-control'] = 'only-if-cached'
  else if (directive < 0.16) fields['cache-control'] = 'no-store'
  if (random.chance(0.1)) fields['authorization'] = `Bearer ${random.integer(1, 3)}`
  return fields
}

function rangeOf(random: SeededRandom, object: SimulatedObject): string {
  const sizeBytes = object.versions.at(-1)?.sizeBytes ?? 0
  const firstPos = random.integer(0, Math.max(0, sizeBytes - 1))
  switch (random.integer(0, 7)) {
    case 0:
      return `bytes=${firstPos}-`
    case 1:
      return `bytes=-${random.pick([0, 1, 100, SEGMENT_BYTES, 3000, 100_000])}`
    case 2:
      return `bytes=${sizeBytes + random.integer(0, 2000)}-`
    case 3:
      return `bytes=${sizeBytes + 5000}-, ${firstPos}-${firstPos}`
    case 4:
      return `bytes=0-9, ${firstPos}-${firstPos + 10}`
    default:
      return `bytes=${firstPos}-${firstPos + random.pick([0, 10, 500, SEGMENT_BYTES, 9000])}`
  }
}
