// What the process that is killed writes, and what must be left of it.

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { StoredResponse } from '#core/entry/stored-response.ts'
import type { Store } from '#core/ports/store.ts'

import { testBody, testHead, testKey } from './stored.ts'

export const CRASH_KEY_COUNT = 12
const CRASH_SEGMENT_BYTES = 20_000

export const crashKey = (keyIndex: number): CacheKey => testKey(`crash ${keyIndex}`)

export function crashBody(keyIndex: number, version: number): BodyId {
  return testBody(`crash ${keyIndex} ${version}`)
}

export function crashHead(keyIndex: number, version: number, segmentCount: number): StoredResponse {
  return testHead(crashKey(keyIndex), crashBody(keyIndex, version), {
    segmentBytes: CRASH_SEGMENT_BYTES,
    completeLength: segmentCount * CRASH_SEGMENT_BYTES,
    fields: ['x-version', String(version)],
  })
}

/** Each four bytes tell the body, the segment and the place. */
export function crashSegment(body: BodyId, index: number): Uint8Array {
  const seed = Number.parseInt(body.slice(0, 8), 16) ^ (index * 0x01000193)
  const words = new Uint32Array(CRASH_SEGMENT_BYTES / 4)
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(seed ^ i, 0x9e3779b1)
  return new Uint8Array(words.buffer)
}

/** Versions up to which a key was dropped or invalidated, as acknowledged. */
export type Acknowledged = Map<string, number>

export function acknowledge(acknowledged: Acknowledged, lines: string): void {
  for (const line of lines.split('\n')) {
    const [how, key, version] = line.split(' ')
    if (version !== undefined) acknowledged.set(`${how} ${key}`, Number(version))
  }
}

export interface CrashFindings {
  entryCount: number
  segmentCount: number
  readonly wrong: string[]
}

/** Reads everything back: all of it absent, or right and newer than what was invalidated. */
export async function checkAfterCrash(
  store: Store,
  acknowledged: Acknowledged,
): Promise<CrashFindings> {
  const findings: CrashFindings = { entryCount: 0, segmentCount: 0, wrong: [] }
  for (let keyIndex = 0; keyIndex < CRASH_KEY_COUNT; keyIndex++) {
    const entry = await store.read(crashKey(keyIndex))
    for (const { head, onlySegment } of entry?.variants ?? []) {
      findings.entryCount++
      const version = Number(head.fields[1])
      const segmentCount = (head.completeLength ?? 0) / CRASH_SEGMENT_BYTES
      const expected = crashHead(keyIndex, version, segmentCount)
      const isSame = JSON.stringify({ ...head, invalidated: false }) === JSON.stringify(expected)
      if (!isSame) findings.wrong.push(`head of ${keyIndex}: ${JSON.stringify(head)}`)
      if (version <= (acknowledged.get(`drop ${keyIndex}`) ?? 0)) {
        findings.wrong.push(`dropped ${keyIndex} is back: ${version}`)
      }
      if (version <= (acknowledged.get(`validate ${keyIndex}`) ?? 0) && !head.invalidated) {
        findings.wrong.push(`invalidated ${keyIndex} is fresh: ${version}`)
      }
      for (let index = 0; index < segmentCount; index++) {
        const bytes =
          (index === 0 ? onlySegment : undefined) ??
          (await store.readSegment(head.body, index, 0, CRASH_SEGMENT_BYTES))
        if (bytes === undefined) continue
        findings.segmentCount++
        if (Buffer.compare(bytes, crashSegment(head.body, index)) !== 0) {
          findings.wrong.push(`segment ${index} of ${keyIndex} at ${version}`)
        }
      }
    }
  }
  return findings
}
