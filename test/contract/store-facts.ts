// What the parts of the Store contract have in common: two keys, two bodies, and ways to read them back.

import { expect } from 'vitest'

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { Entry, StoredResponse } from '#core/entry/stored-response.ts'
import type { Store } from '#core/ports/store.ts'

import { testBody, testHead, testKey, testSegment } from '../support/stored.ts'

export const KEY = testKey('object')
export const OTHER_KEY = testKey('other')
export const BODY = testBody('one')
export const OTHER_BODY = testBody('two')
export const SHORT_BYTES = 333

/** A body of one segment. */
export function shortHead(key: CacheKey, body: BodyId, changes: Partial<StoredResponse> = {}) {
  return testHead(key, body, { completeLength: SHORT_BYTES, ...changes })
}

export function shortSegment(body: BodyId): Uint8Array {
  return testSegment(body, 0, SHORT_BYTES)
}

export function nominated(value: string): Partial<StoredResponse> {
  return { nominated: { names: ['accept-encoding', 'x-a'], values: ['gzip', value] } }
}

export async function headsOf(store: Store, key: CacheKey): Promise<readonly StoredResponse[]> {
  const entry = await store.read(key)
  return entry?.variants.map((variant) => variant.head) ?? []
}

/** The bytes of a one-segment body, which come with the entry or by themselves. */
export async function onlySegmentOf(store: Store, key: CacheKey): Promise<Uint8Array | undefined> {
  const variant = (await store.read(key))?.variants[0]
  if (variant === undefined) return undefined
  return variant.onlySegment ?? (await store.readSegment(variant.head.body, 0, 0, SHORT_BYTES))
}

/** What `peek` says must agree with what `read` gives: only `'ask'` leaves it open. */
export async function expectPeekAgrees(store: Store, key: CacheKey): Promise<void> {
  const peeked = store.peek(key)
  expect(peeked).not.toBeInstanceOf(Promise)
  if (peeked === 'ask') return
  const read = await store.read(key)
  expect(headsIn(peeked)).toEqual(headsIn(read))
  expect(peeked?.mark).toEqual(read?.mark)
}

function headsIn(entry: Entry | undefined): readonly StoredResponse[] {
  return entry?.variants.map(({ head }) => head) ?? []
}
