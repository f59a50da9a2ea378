// What every Store must do, whatever it keeps its bytes in (src/core/ports/store.ts).

import { afterEach, beforeEach, describe } from 'vitest'

import type { Store } from '#core/ports/store.ts'
import type { Invalidations } from '#web/invalidations.ts'

import { testHeads, testMarks, testVariants } from './store-heads.ts'
import { testHardInvalidation, testSoftInvalidation, testTickets } from './store-invalidation.ts'
import { describeStoreProperty } from './store-property.ts'
import { testOnlySegments, testPresence, testSegments } from './store-segments.ts'
import { testLog } from './store-log.ts'

export interface StoreHarness {
  /** Empty, with room for a few mebibytes: within the suite nothing has to be evicted. */
  readonly store: Store
  close(): Promise<void>
  /** The log that the store shares with its siblings, if it has one. */
  readonly invalidations?: Invalidations | undefined
}

export interface StoreTraits {
  /** `presence` is a set. Default true; else `undefined` is right as well. */
  readonly tellsPresence?: boolean
  /** Marks can be read again. Default true; else they may be absent. */
  readonly keepsMarks?: boolean
  /** Random sequences to be tried, each on a store of its own. Default 60. */
  readonly propertyRunCount?: number
}

export type CreateStore = () => Promise<StoreHarness>

/** Runs the contract of the Store port on one implementation. */
export function describeStore(name: string, create: CreateStore, traits: StoreTraits = {}): void {
  describe(`${name} as a Store`, () => {
    let harness: StoreHarness
    beforeEach(async () => {
      harness = await create()
    })
    afterEach(() => harness.close())
    const open = (): Store => harness.store

    describe('heads', () => {
      testHeads(open)
    })
    describe('variants', () => {
      testVariants(open)
    })
    describe('marks', () => {
      testMarks(open, traits.keepsMarks ?? true)
    })
    describe('segments', () => {
      testSegments(open)
    })
    describe('one-segment bodies', () => {
      testOnlySegments(open)
    })
    describe('presence', () => {
      testPresence(open, traits.tellsPresence ?? true)
    })
    describe('invalidate validate', () => {
      testSoftInvalidation(open)
    })
    describe('invalidate drop', () => {
      testHardInvalidation(open)
    })
    describe('the log', () => {
      testLog(open)
    })
    describe('tickets', () => {
      testTickets(open, () => harness.invalidations)
    })
    describeStoreProperty(create, traits.propertyRunCount ?? 60)
  })
}
