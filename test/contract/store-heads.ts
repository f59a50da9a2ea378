// The Store contract: heads, variants and marks.

import { expect, it } from 'vitest'

import type { Entry, Mark } from '#core/entry/stored-response.ts'
import type { Store } from '#core/ports/store.ts'

import { testBody, testHead, testKey } from '../support/stored.ts'
import {
  BODY,
  KEY,
  OTHER_BODY,
  OTHER_KEY,
  SHORT_BYTES,
  expectPeekAgrees,
  headsOf,
  nominated,
  onlySegmentOf,
  shortHead,
  shortSegment,
} from './store-facts.ts'

export function testHeads(open: () => Store): void {
  it('has nothing at first', async () => {
    const store = open()
    expect(await store.read(KEY)).toBeUndefined()
    await expectPeekAgrees(store, KEY)
  })

  it('gives back a head exactly as it was written', async () => {
    const store = open()
    const head = testHead(KEY, BODY, {
      ...nominated('é "quoted", with a comma'),
      status: 404,
      fields: ['etag', '"a,b"', 'x-empty', '', 'set-cookie', 'a=1', 'set-cookie', 'b=2'],
      bornAtMs: 1_700_000_000_123.375,
      validatedAtMs: 1_700_000_000_999.25,
      completeLength: 2 ** 42 + 1,
      joinable: false,
      mustRevalidate: true,
      mustValidate: true,
      sharedWithCredentials: false,
      invalidated: true,
    })
    expect(await store.writeHead(store.ticket(KEY), head)).toBe('stored')
    expect(await headsOf(store, KEY)).toEqual([head])
    await expectPeekAgrees(store, KEY)
  })

  it('gives back what the body is to be held against, and what it was found to have', async () => {
    const store = open()
    const digests = [
      { algorithm: 'sha-256', hex: 'ab'.repeat(32) },
      { algorithm: 'crc64nvme', hex: '0000000000000001' },
    ] as const
    const head = testHead(KEY, BODY, { digests, verified: 'crc64nvme' })
    await store.writeHead(store.ticket(KEY), head)
    await store.writeHead(store.ticket(OTHER_KEY), testHead(OTHER_KEY, OTHER_BODY, { digests }))
    expect(await headsOf(store, KEY)).toEqual([head])
    const [other] = await headsOf(store, OTHER_KEY)
    expect(other).toMatchObject({ digests })
    expect(other?.verified).toBeUndefined()
  })

  it('gives back weak, strong and absent validators, and an empty body', async () => {
    const store = open()
    const weak = { etag: { weak: true, opaque: '""' }, lastModifiedMs: undefined, dateMs: 0 }
    const none = { etag: undefined, lastModifiedMs: undefined, dateMs: undefined }
    const first = testHead(KEY, BODY, { validators: weak, completeLength: 0 })
    const second = testHead(OTHER_KEY, OTHER_BODY, { validators: none, fields: [] })
    await store.writeHead(store.ticket(KEY), first)
    await store.writeHead(store.ticket(OTHER_KEY), second)
    expect(await headsOf(store, KEY)).toEqual([first])
    expect(await headsOf(store, OTHER_KEY)).toEqual([second])
  })

  it('keeps keys apart that differ in one character', async () => {
    const store = open()
    const keys = ['a', 'A', 'a?', 'a/', 'b'].map((name) => testKey(name))
    for (const key of keys) await store.writeHead(store.ticket(key), testHead(key, testBody(key)))
    for (const key of keys)
      expect(await headsOf(store, key)).toEqual([testHead(key, testBody(key))])
    expect(await store.read(testKey('c'))).toBeUndefined()
  })

  it('keeps a key of the greatest length that a target may have', async () => {
    const store = open()
    const key = testKey('x'.repeat(8000))
    await store.writeHead(store.ticket(key), testHead(key, BODY))
    expect(await headsOf(store, key)).toEqual([testHead(key, BODY)])
  })
}

export function testVariants(open: () => Store): void {
  it('adds a variant before the others when its nominated values differ (RFC 9111 §4.1)', async () => {
    const store = open()
    const [a, b] = [testHead(KEY, BODY, nominated('a')), testHead(KEY, OTHER_BODY, nominated('b'))]
    await store.writeHead(store.ticket(KEY), a)
    await store.writeHead(store.ticket(KEY), b)
    expect(await headsOf(store, KEY)).toEqual([b, a])
    await expectPeekAgrees(store, KEY)
  })

  it('replaces the variant with the same nominated values, and moves it to the front', async () => {
    const store = open()
    const [a, b] = [testHead(KEY, BODY, nominated('a')), testHead(KEY, OTHER_BODY, nominated('b'))]
    const newer = { ...a, validatedAtMs: a.validatedAtMs + 5000, status: 203 }
    for (const head of [a, b, newer]) await store.writeHead(store.ticket(KEY), head)
    expect(await headsOf(store, KEY)).toEqual([newer, b])
  })

  it('keeps the head written last, also when nobody waits between the writes', async () => {
    const store = open()
    const heads = [200, 203, 404].map((status) => testHead(KEY, BODY, { status }))
    const writes = heads.map(async (head) => store.writeHead(store.ticket(KEY), head))
    await Promise.all(writes)
    expect(await headsOf(store, KEY)).toEqual(heads.slice(-1))
  })

  it('tells variants apart by names as well as by values', async () => {
    const store = open()
    const a = testHead(KEY, BODY, { nominated: { names: ['x-a'], values: [''] } })
    const b = testHead(KEY, BODY, { nominated: { names: ['x-b'], values: [''] } })
    const none = testHead(KEY, BODY)
    for (const head of [a, b, none]) await store.writeHead(store.ticket(KEY), head)
    expect(await headsOf(store, KEY)).toEqual([none, b, a])
  })

  it('keeps the sixteen most recent variants of a key', async () => {
    const store = open()
    const heads = Array.from({ length: 20 }, (_, i) =>
      testHead(KEY, testBody(`variant ${i}`), nominated(String(i))),
    )
    for (const head of heads) await store.writeHead(store.ticket(KEY), head)
    expect(await headsOf(store, KEY)).toEqual(heads.slice(4).toReversed())
  })

  it('serves variants that share a body from the same bytes', async () => {
    const store = open()
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, shortHead(KEY, BODY, nominated('a')))
    await store.writeSegment(ticket, BODY, 0, shortSegment(BODY))
    await store.writeHead(ticket, shortHead(KEY, BODY, nominated('b')))
    for (const { head, onlySegment } of (await store.read(KEY))?.variants ?? []) {
      const bytes = onlySegment ?? (await store.readSegment(head.body, 0, 0, SHORT_BYTES))
      expect(bytes).toEqual(shortSegment(BODY))
    }
    expect(await headsOf(store, KEY)).toHaveLength(2)
  })
}

export function testMarks(open: () => Store, keepsMarks: boolean): void {
  const mark = { kind: 'hit-for-miss', expiresAtMs: 1_700_000_000_000.5 } as const
  /** A store that keeps no marks is as good as one that has this one. */
  function markOf(entry: Entry | undefined, otherwise: Mark): Mark | undefined {
    return keepsMarks ? entry?.mark : (entry?.mark ?? otherwise)
  }

  it('remembers a mark for a key without heads', async () => {
    const store = open()
    await store.writeMark(store.ticket(KEY), mark)
    const entry = await store.read(KEY)
    expect(markOf(entry, mark)).toEqual(mark)
    expect(entry?.variants ?? []).toEqual([])
    expect(await store.read(OTHER_KEY)).toBeUndefined()
    await expectPeekAgrees(store, KEY)
  })

  it('leaves the heads of a key as they are when it is marked, with their bytes', async () => {
    const store = open()
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, shortHead(KEY, BODY))
    await store.writeSegment(ticket, BODY, 0, shortSegment(BODY))
    await store.writeMark(ticket, mark)
    expect(markOf(await store.read(KEY), mark)).toEqual(mark)
    expect(await headsOf(store, KEY)).toEqual([shortHead(KEY, BODY)])
    expect(await onlySegmentOf(store, KEY)).toEqual(shortSegment(BODY))
  })

  it('replaces a mark by a later one, and ends it with a head that could be stored', async () => {
    const store = open()
    const later = { ...mark, expiresAtMs: mark.expiresAtMs + 1 }
    await store.writeMark(store.ticket(KEY), mark)
    await store.writeMark(store.ticket(KEY), later)
    expect(markOf(await store.read(KEY), later)).toEqual(later)
    await store.writeHead(store.ticket(KEY), testHead(KEY, BODY))
    expect((await store.read(KEY))?.mark).toBeUndefined()
    expect(await headsOf(store, KEY)).toEqual([testHead(KEY, BODY)])
  })
}
