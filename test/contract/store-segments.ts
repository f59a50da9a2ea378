// The Store contract: segments, bodies of one segment, presence.

import { expect, it } from 'vitest'

import type { BodyId } from '#core/entry/body-id.ts'
import type { Store } from '#core/ports/store.ts'

import { TEST_SEGMENT_BYTES, testBody, testHead, testSegment } from '../support/stored.ts'
import {
  BODY,
  KEY,
  OTHER_BODY,
  headsOf,
  nominated,
  onlySegmentOf,
  shortHead,
  shortSegment,
} from './store-facts.ts'

export function testSegments(open: () => Store): void {
  it('knows no segment of an unknown body, nor an unknown segment of a known one', async () => {
    const store = open()
    expect(await store.readSegment(BODY, 0, 0, 10)).toBeUndefined()
    await store.writeSegment(store.ticket(KEY), BODY, 1, testSegment(BODY, 1))
    expect(await store.readSegment(BODY, 0, 0, 10)).toBeUndefined()
    expect(await store.readSegment(BODY, 2, 0, 10)).toBeUndefined()
    expect(await store.readSegment(OTHER_BODY, 1, 0, 10)).toBeUndefined()
  })

  it.each([0, 1, 2])('gives every view of segment %i, cut at its end', async (index) => {
    const store = open()
    await store.writeSegment(store.ticket(KEY), BODY, index, testSegment(BODY, index))
    const whole = testSegment(BODY, index)
    const edges = [0, 1, 15, 16, 17, 499, 500, 501, 999, 1000, 1001, 5000, Number.MAX_SAFE_INTEGER]
    for (const startByte of edges) {
      if (startByte >= whole.byteLength) continue
      for (const endByte of edges) {
        if (endByte <= startByte) continue
        const view = await store.readSegment(BODY, index, startByte, endByte)
        expect(view, `${startByte}..${endByte}`).toEqual(whole.slice(startByte, endByte))
      }
    }
  })

  it.each(['before', 'after'])('keeps segments written %s the head', async (order) => {
    const store = open()
    const ticket = store.ticket(KEY)
    if (order === 'after') await store.writeHead(ticket, testHead(KEY, BODY))
    for (const index of [2, 0, 1]) {
      await store.writeSegment(ticket, BODY, index, testSegment(BODY, index))
    }
    if (order === 'before') await store.writeHead(ticket, testHead(KEY, BODY))
    for (const index of [0, 1, 2]) {
      const bytes = await store.readSegment(BODY, index, 0, TEST_SEGMENT_BYTES)
      expect(bytes).toEqual(testSegment(BODY, index))
    }
    expect(await headsOf(store, KEY)).toEqual([testHead(KEY, BODY)])
  })

  it('keeps a segment of a mebibyte', async () => {
    const store = open()
    const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => (i * 31 + (i >>> 8)) & 0xff)
    await store.writeSegment(store.ticket(KEY), BODY, 7, bytes.slice())
    expect(await store.readSegment(BODY, 7, 0, 2 ** 20)).toEqual(bytes)
    const view = await store.readSegment(BODY, 7, 65_000, 70_000)
    expect(view).toEqual(bytes.slice(65_000, 70_000))
  })

  it('leaves a view as it is while other segments and heads are written', async () => {
    const store = open()
    const ticket = store.ticket(KEY)
    await store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
    const view = await store.readSegment(BODY, 0, 100, 300)
    await store.writeSegment(ticket, OTHER_BODY, 0, testSegment(OTHER_BODY, 0))
    await store.writeHead(ticket, testHead(KEY, BODY))
    for (let i = 0; i < 20; i++) {
      await store.writeSegment(ticket, testBody(`filler ${i}`), 0, new Uint8Array(900).fill(i))
      await store.readSegment(testBody(`filler ${i}`), 0, 0, 900)
    }
    await store.invalidate(KEY, 'drop')
    expect(view).toEqual(testSegment(BODY, 0).slice(100, 300))
  })
}

export function testOnlySegments(open: () => Store): void {
  it.each(['before', 'after'])('are read with a head written %s them', async (order) => {
    const store = open()
    const ticket = store.ticket(KEY)
    if (order === 'before') await store.writeHead(ticket, shortHead(KEY, BODY))
    await store.writeSegment(ticket, BODY, 0, shortSegment(BODY))
    if (order === 'after') await store.writeHead(ticket, shortHead(KEY, BODY))
    expect(await onlySegmentOf(store, KEY)).toEqual(shortSegment(BODY))
    expect(await store.readSegment(BODY, 0, 10, 50)).toEqual(shortSegment(BODY).slice(10, 50))
    expect(await store.readSegment(BODY, 0, 300, 999)).toEqual(shortSegment(BODY).slice(300))
    expect(await store.readSegment(BODY, 1, 0, 10)).toBeUndefined()
  })

  it('stay when their head is freshened', async () => {
    const store = open()
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, shortHead(KEY, BODY))
    await store.writeSegment(ticket, BODY, 0, shortSegment(BODY))
    const freshened = shortHead(KEY, BODY, { validatedAtMs: 1_800_000_000_000 })
    expect(await store.writeHead(store.ticket(KEY), freshened)).toBe('stored')
    expect(await headsOf(store, KEY)).toEqual([freshened])
    expect(await onlySegmentOf(store, KEY)).toEqual(shortSegment(BODY))
  })

  it('are never those of the version before', async () => {
    const store = open()
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, shortHead(KEY, BODY))
    await store.writeSegment(ticket, BODY, 0, shortSegment(BODY))
    await store.writeHead(ticket, shortHead(KEY, OTHER_BODY))
    expect(await headsOf(store, KEY)).toEqual([shortHead(KEY, OTHER_BODY)])
    expect(await onlySegmentOf(store, KEY)).toBeUndefined()
    await store.writeSegment(ticket, OTHER_BODY, 0, shortSegment(OTHER_BODY))
    expect(await onlySegmentOf(store, KEY)).toEqual(shortSegment(OTHER_BODY))
  })
}

export function testPresence(open: () => Store, tellsPresence: boolean): void {
  /** A store that cannot tell is as good as one that tells this. */
  function presentOf(body: BodyId, otherwise: readonly number[]): readonly number[] {
    const set = open().presence(body)
    if (!tellsPresence && set === undefined) return otherwise
    return [0, 1, 2, 3].filter((index) => set?.has(index))
  }

  it('names the segments that are here, and no others', async () => {
    const store = open()
    const ticket = store.ticket(KEY)
    expect(presentOf(BODY, [])).toEqual([])
    await store.writeSegment(ticket, BODY, 2, testSegment(BODY, 2))
    expect(presentOf(BODY, [2])).toEqual([2])
    await store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
    expect(presentOf(BODY, [0, 2])).toEqual([0, 2])
    await store.writeHead(ticket, testHead(KEY, BODY))
    expect(presentOf(BODY, [0, 2])).toEqual([0, 2])
    expect(presentOf(OTHER_BODY, [])).toEqual([])
  })

  it('names the only segment, whether its head came first or last', async () => {
    const store = open()
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, shortHead(KEY, BODY))
    expect(presentOf(BODY, [])).toEqual([])
    await store.writeSegment(ticket, BODY, 0, shortSegment(BODY))
    expect(presentOf(BODY, [0])).toEqual([0])
    await store.writeSegment(ticket, OTHER_BODY, 0, shortSegment(OTHER_BODY))
    await store.writeHead(ticket, shortHead(KEY, OTHER_BODY, nominated('b')))
    expect(presentOf(OTHER_BODY, [0])).toEqual([0])
    expect(presentOf(BODY, [0])).toEqual([0])
  })

  it('names nothing of what was dropped', async () => {
    const store = open()
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, testHead(KEY, BODY))
    await store.writeSegment(ticket, BODY, 1, testSegment(BODY, 1))
    await store.writeHead(ticket, shortHead(KEY, OTHER_BODY, nominated('b')))
    await store.writeSegment(ticket, OTHER_BODY, 0, shortSegment(OTHER_BODY))
    await store.invalidate(KEY, 'drop')
    expect(presentOf(BODY, [])).toEqual([])
    expect(presentOf(OTHER_BODY, [])).toEqual([])
  })
}
