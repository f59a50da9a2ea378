// Random sequences of operations on a Store against a model: what is read may be absent, never wrong.

import * as fc from 'fast-check'
import { expect, it } from 'vitest'

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { Mark, StoredResponse } from '#core/entry/stored-response.ts'
import type { Store, WriteTicket } from '#core/ports/store.ts'

import {
  TEST_SEGMENT_BYTES,
  testBody,
  testHead,
  testKey,
  testSegment,
  testSegmentCount,
} from '../support/stored.ts'
import type { CreateStore } from './store-contract.ts'

const KEYS = ['k0', 'k1'].map(testKey)
/** Few, so that heads and segments of one body meet often: empty, one segment, just one more, three. */
const COMPLETE_LENGTHS = [0, 700, TEST_SEGMENT_BYTES, TEST_SEGMENT_BYTES + 1, 2500]

type Operation =
  | {
      readonly do: 'head'
      readonly key: number
      readonly version: number
      readonly variant: number
    }
  | {
      readonly do: 'segment'
      readonly key: number
      readonly version: number
      readonly index: number
    }
  | { readonly do: 'mark'; readonly key: number }
  | { readonly do: 'ticket'; readonly key: number }
  | { readonly do: 'invalidate'; readonly key: number; readonly how: 'validate' | 'drop' }

interface Model {
  readonly heads: StoredResponse[]
  mark: Mark | undefined
  /** What writers hold: taken earlier, perhaps superseded since. */
  ticket: WriteTicket
  isSuperseded: boolean
}

const key = fc.nat({ max: KEYS.length - 1 })
const version = fc.nat({ max: COMPLETE_LENGTHS.length - 1 })
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('head' as const),
      key,
      version,
      variant: fc.nat({ max: 2 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('segment' as const),
      key,
      version,
      index: fc.nat({ max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('mark' as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ticket' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('invalidate' as const),
      key,
      how: fc.constantFrom('validate' as const, 'drop' as const),
    }),
  },
)

/** @param runCount How many sequences; fewer for a store that is slow to open. */
export function describeStoreProperty(create: CreateStore, runCount: number): void {
  it('never reads what was not written, or no longer holds, whatever happens', async () => {
    const property = fc.asyncProperty(
      fc.array(operation, { maxLength: 40, size: 'max' }),
      async (operations) => {
        const harness = await create()
        try {
          await runSequence(harness.store, operations)
        } finally {
          await harness.close()
        }
      },
    )
    const result = await fc.check(property, { numRuns: runCount })
    const report = `${fc.defaultReportMessage(result)}\n${String(result.errorInstance)}`
    expect(result.failed ? report : undefined).toBeUndefined()
  })
}

async function runSequence(store: Store, operations: readonly Operation[]): Promise<void> {
  const models = KEYS.map((name): Model => {
    const ticket = store.ticket(name)
    return { heads: [], mark: undefined, ticket, isSuperseded: false }
  })
  for (const step of operations) {
    const [model, name] = [models[step.key], KEYS[step.key]]
    if (model === undefined || name === undefined) continue
    await apply(store, model, name, step)
    await checkKey(store, model, name)
  }
  for (const [index, name] of KEYS.entries()) {
    const model = models[index]
    if (model !== undefined) await checkKey(store, model, name)
  }
}

/** As a real `BodyId`, it tells the generation, so that what was dropped is never named again. */
function bodyOf(name: CacheKey, ticket: WriteTicket, versionIndex: number): BodyId {
  return testBody(`${name} ${ticket.generation} ${versionIndex}`)
}

async function apply(store: Store, model: Model, name: CacheKey, step: Operation): Promise<void> {
  switch (step.do) {
    case 'head':
      return applyHead(store, model, name, step)
    case 'segment': {
      const completeLength = COMPLETE_LENGTHS[step.version] ?? 0
      const count = testSegmentCount(completeLength)
      if (count === 0) return
      const index = step.index % count
      const body = bodyOf(name, model.ticket, step.version)
      await store.writeSegment(model.ticket, body, index, testSegment(body, index, completeLength))
      return
    }
    case 'mark': {
      const mark: Mark = { kind: 'hit-for-miss', expiresAtMs: model.ticket.position }
      await store.writeMark(model.ticket, mark)
      if (!model.isSuperseded) model.mark = mark
      return
    }
    case 'ticket':
      model.ticket = store.ticket(name)
      model.isSuperseded = false
      return
    case 'invalidate':
      await store.invalidate(name, step.how)
      return applyInvalidation(model, step.how)
    default:
      throw new Error(`Cannot apply operation: ${JSON.stringify(step satisfies never)}`)
  }
}

async function applyHead(
  store: Store,
  model: Model,
  name: CacheKey,
  step: Operation & { do: 'head' },
): Promise<void> {
  const head = testHead(name, bodyOf(name, model.ticket, step.version), {
    completeLength: COMPLETE_LENGTHS[step.version] ?? 0,
    nominated: { names: ['x-v'], values: [String(step.variant)] },
    validatedAtMs: model.heads.length,
  })
  const outcome = await store.writeHead(model.ticket, head)
  expect(outcome).toBe(model.isSuperseded ? 'superseded' : 'stored')
  if (model.isSuperseded) return
  model.mark = undefined
  const others = model.heads.filter((old) => old.nominated.values[0] !== String(step.variant))
  model.heads.splice(0, Infinity, head, ...others)
}

function applyInvalidation(model: Model, how: 'validate' | 'drop'): void {
  model.isSuperseded = true
  if (how === 'validate') {
    model.heads.splice(0, Infinity, ...model.heads.map((head) => ({ ...head, invalidated: true })))
    return
  }
  // Bytes whose head was evicted may outlive a drop: no head of a later generation names them.
  model.heads.length = 0
}

async function checkKey(store: Store, model: Model, name: CacheKey): Promise<void> {
  const peeked = store.peek(name)
  const read = await store.read(name)
  for (const entry of [peeked === 'ask' ? undefined : peeked, read]) {
    const heads = entry?.variants.map((variant) => variant.head) ?? []
    expectSubsequence(heads, model.heads)
    // A drop may leave a mark or not: it is no response. What is left is the one last written.
    if (entry?.mark !== undefined) expect(entry.mark).toEqual(model.mark)
    for (const { head, onlySegment } of entry?.variants ?? []) {
      if (onlySegment !== undefined) {
        expect(onlySegment).toEqual(testSegment(head.body, 0, head.completeLength))
      }
    }
  }
  for (const { body, completeLength = 0 } of model.heads) {
    await checkBody(store, body, completeLength)
  }
}

async function checkBody(store: Store, body: BodyId, completeLength: number): Promise<void> {
  for (let index = 0; index < 4; index++) {
    const isPresent = store.presence(body)?.has(index)
    const bytes = await store.readSegment(body, index, 0, TEST_SEGMENT_BYTES)
    if (isPresent !== undefined) expect(bytes !== undefined).toBe(isPresent)
    if (bytes === undefined) continue
    expect(index).toBeLessThan(testSegmentCount(completeLength))
    expect(bytes).toEqual(testSegment(body, index, completeLength))
    // A view that begins beyond the end may be empty or absent: nobody asks for one.
    const part = (await store.readSegment(body, index, 3, 20)) ?? new Uint8Array()
    expect(part).toEqual(bytes.slice(3, 20))
  }
}

function expectSubsequence(
  found: readonly StoredResponse[],
  allowed: readonly StoredResponse[],
): void {
  let from = 0
  for (const head of found) {
    const at = allowed.findIndex(
      (other, i) =>
        i >= from &&
        other.body === head.body &&
        other.nominated.values[0] === head.nominated.values[0],
    )
    expect(at, 'a head that is no longer, or out of order').toBeGreaterThanOrEqual(0)
    expect(head).toEqual(allowed[at])
    from = at + 1
  }
}
