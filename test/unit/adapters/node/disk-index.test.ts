import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  DiskIndex,
  INVALIDATED,
  NO_SLOT,
  USED,
  bodyIdOf,
  digestOf,
  idOf,
} from '../../../../src/adapters/node/disk-index.ts'
import { testBody, testKey } from '../../../support/stored.ts'

const key = (i: number) => idOf(digestOf(testKey(`key ${i}`)))
/** Each body belongs to one key. */
const body = (keyIndex: number, i: number) => bodyIdOf(testBody(`body ${keyIndex} ${i}`))
const place = (slab: number, offset: number) => ({
  slab,
  offset: offset * 4096,
  dataBytes: offset + 1,
  headBytes: slab,
})
const segmentPlace = (slab: number, offset: number) => ({ ...place(slab, offset), headBytes: 0 })

const operation = fc.record({
  do: fc.constantFrom(
    'head',
    'segment',
    'segment',
    'forget-head',
    'forget-segment',
    'drop',
    'evict',
  ),
  key: fc.nat({ max: 5 }),
  body: fc.nat({ max: 2 }),
  index: fc.nat({ max: 4 }),
  slab: fc.integer({ min: 1, max: 4 }),
  offset: fc.nat({ max: 2 ** 16 }),
})

describe('DiskIndex', () => {
  it('holds what a map would hold, whatever happens to it', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const index = new DiskIndex()
        const model = new Map<string, ReturnType<typeof place>>()
        for (const step of operations) apply(index, model, step)
        const heads = [...model.keys()].filter((name) => name.startsWith('head'))
        expect(index.headCount).toBe(heads.length)
        expect(index.segmentCount).toBe(model.size - heads.length)
        for (let k = 0; k < 6; k++) {
          expect(index.segmentBytesOf(key(k))).toBe(segmentBytesIn(model, k))
          const isHere = [...model.keys()].some((name) => name.split(' ')[1] === String(k))
          expect(index.hasKey(key(k))).toBe(isHere)
          expectAt(index, index.findHead(key(k)), model.get(`head ${k}`))
          for (let b = 0; b < 3; b++) {
            for (let i = 0; i < 5; i++) {
              const slot = index.findSegment(body(k, b), i)
              expectAt(index, slot, model.get(`segment ${k} ${b} ${i}`))
              const owner = slot === NO_SLOT ? key(k) : idOf(index.keyOf(slot))
              expect(owner).toEqual(key(k))
            }
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('grows to many thousands, at 64 bytes or so each', () => {
    const index = new DiskIndex()
    for (let i = 0; i < 50_000; i++)
      index.putSegment(key(i % 100), bodyIdOf(testBody(`${i}`)), 7, segmentPlace(1, i), 0)
    expect(index.segmentCount).toBe(50_000)
    for (let i = 0; i < 50_000; i += 997) {
      expectAt(index, index.findSegment(bodyIdOf(testBody(`${i}`)), 7), segmentPlace(1, i))
    }
    expect(index.bytes / 50_000).toBeLessThan(80)
    for (let i = 0; i < 100; i++) index.dropKey(key(i))
    expect(index.segmentCount).toBe(0)
  })

  it('keeps flags until the place changes', () => {
    const index = new DiskIndex()
    index.putHead(key(1), place(1, 1), INVALIDATED)
    const slot = index.findHead(key(1))
    index.add(slot, USED)
    expect(index.has(slot, USED) && index.has(slot, INVALIDATED)).toBe(true)
    index.putHead(key(1), place(2, 1), 0)
    expect(index.has(slot, USED) || index.has(slot, INVALIDATED)).toBe(false)
  })
})

function apply(
  index: DiskIndex,
  model: Map<string, ReturnType<typeof place>>,
  step: typeof operation extends fc.Arbitrary<infer T> ? T : never,
): void {
  const at = place(step.slab, step.offset)
  const headName = `head ${step.key}`
  const segmentName = `segment ${step.key} ${step.body} ${step.index}`
  switch (step.do) {
    case 'head':
      index.putHead(key(step.key), at, 0)
      model.set(headName, at)
      return
    case 'segment': {
      const segmentAt = segmentPlace(step.slab, step.offset)
      index.putSegment(key(step.key), body(step.key, step.body), step.index, segmentAt, 0)
      model.set(segmentName, segmentAt)
      return
    }
    case 'forget-head':
      if (model.delete(headName)) index.forget(index.findHead(key(step.key)))
      return
    case 'forget-segment':
      if (!model.delete(segmentName)) return
      return index.forget(index.findSegment(body(step.key, step.body), step.index))
    case 'drop':
      index.dropKey(key(step.key))
      for (const name of model.keys()) {
        if (name.split(' ')[1] === String(step.key)) model.delete(name)
      }
      return
    case 'evict':
      for (const slot of index.slotsOf(step.slab)) index.forget(slot)
      for (const [name, { slab }] of model) if (slab === step.slab) model.delete(name)
      return
    default:
  }
}

/** Each in whole units of 4 KiB. */
function segmentBytesIn(model: ReadonlyMap<string, { dataBytes: number }>, k: number): number {
  let bytes = 0
  for (const [name, { dataBytes }] of model) {
    if (name.startsWith(`segment ${k} `)) bytes += Math.ceil(dataBytes / 4096) * 4096
  }
  return bytes
}

function expectAt(
  index: DiskIndex,
  slot: number,
  expected: ReturnType<typeof place> | undefined,
): void {
  expect(slot === NO_SLOT ? undefined : index.placeOf(slot)).toEqual(expected)
}
