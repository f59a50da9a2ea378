// What the disk tier takes in, and what it keeps of a slab that is evicted: what is most likely to be used
// again soon. How likely that is, is measured, for groups of records that look alike: by how often they were
// used lately, whether they are new or stored, and whether they were used since they were written. So the
// same rules protect what is popular from a scan, and give way where only what is new is asked for.
//
// Pure: no clock, no disk and no chance. Time is told by the bytes that were written or refused.

import type { Fingerprint } from './frequency-sketch.ts'
import { FrequencySketch, MAX_FREQUENCY } from './frequency-sketch.ts'

/** Of records that look alike: 1 to 63. 0: nothing is known of the record. */
export type UseClass = number

export const UNKNOWN_CLASS: UseClass = 0

/** A record of a slab that is evicted. */
export interface Candidate {
  readonly name: Fingerprint
  readonly bytes: number
  /** Since it was written or kept the last time. */
  readonly isUsed: boolean
  /** Written by an earlier process and not used since: nothing speaks for it, nor against it. */
  readonly isUnknown: boolean
}

export interface Kept<C extends Candidate> {
  readonly candidate: C
  readonly useClass: UseClass
}

/** Of a slab that is evicted, at least this much is let go, so that it frees anything at all. */
export const MIN_FREED_SHARE = 0.16
/** The worst quarter sets the mark that what is new has to reach. */
const MARK_SHARE = 0.25
const MARK_WEIGHT = 0.2
/** What is this much better than what has to go, goes too: hardly better, for the price of writing it. */
const LIKE_THE_WORST = 1.3
/** Less likely than this is not worth being written. */
const MIN_LIKELIHOOD = 1 / 32
/** Used again within half of what the disk holds counts as soon. */
const SOON_SHARE = 0.5
/** While all is refused, the mark sinks, so that nothing is kept for ever on what it once was. */
const MARK_DECAY = 0.3
/** Decisions after which what was learnt counts for half. */
const MAX_TRIAL_COUNT = 350
const PRIOR_TRIAL_COUNT = 4
const NEARLY_FULL_SHARE = 0.75
/** Between what is believed at first of something new that is asked for once, and for the second time. */
const RESUMED_MARK = 0.15
/** Parts of a turn: within one of them, uses of what is in memory count once. */
const EPOCH_COUNT = 16
/** Refused and evicted names that are remembered, at most. */
const MAX_GHOST_COUNT = 2 ** 17

const FREQUENCIES = MAX_FREQUENCY + 1
const STATES = ['new', 'unused', 'used'] as const
type State = (typeof STATES)[number]

interface Ghost {
  readonly useClass: UseClass
  readonly atByte: number
}

export class Retention {
  readonly #capacityBytes: number
  readonly #sketch = new FrequencySketch()
  readonly #trials = new Float64Array(1 + STATES.length * FREQUENCIES)
  readonly #successes = new Float64Array(this.#trials.length)
  /** What was refused or evicted lately, the oldest first. */
  readonly #ghosts = new Map<Fingerprint, Ghost>()
  #mark = 0
  #clockBytes = 0
  #isFull = false

  /** @param capacityBytes Of all that is stored. */
  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes
    for (const state of STATES) {
      for (let frequency = 0; frequency < FREQUENCIES; frequency++) {
        const useClass = useClassOf(state, frequency)
        this.#trials[useClass] = PRIOR_TRIAL_COUNT
        this.#successes[useClass] = PRIOR_TRIAL_COUNT * priorOf(state, frequency)
      }
    }
  }

  /**
   * Goes on where an earlier process has ended, of which only the records are known. Nearly full as it left
   * the disk, these are likely to be better than what is asked for once.
   */
  resume(storedBytes: number): void {
    if (storedBytes < this.#capacityBytes * NEARLY_FULL_SHARE) return
    this.#isFull = true
    this.#mark = RESUMED_MARK
  }

  /** Bytes written or refused so far: the time by which "soon" is judged. */
  get clockBytes(): number {
    return this.#clockBytes
  }

  /** Changes several times while the whole disk is written anew. */
  get epoch(): number {
    return Math.floor((this.#clockBytes / this.#capacityBytes) * EPOCH_COUNT)
  }

  /** To be told of each use, and of what is asked for and not stored. */
  use(name: Fingerprint): void {
    this.#sketch.add(name)
  }

  /**
   * To be told when a record is used for the first time since it was written or kept.
   *
   * @param writtenAtByte What the clock said then.
   */
  reuse(useClass: UseClass, writtenAtByte: number): void {
    if (useClass !== UNKNOWN_CLASS && this.#isSoon(writtenAtByte)) this.#succeed(useClass)
  }

  /**
   * Decides on what is not stored. Its use has been told.
   *
   * @returns The useClass under which to store it; `undefined` when it is not worth it.
   */
  admit(name: Fingerprint, bytes: number): UseClass | undefined {
    const ghost = this.#ghosts.get(name)
    if (ghost !== undefined) {
      this.#ghosts.delete(name)
      if (this.#isSoon(ghost.atByte)) this.#succeed(ghost.useClass)
    }
    const useClass = this.classify(name)
    if (!this.#isFull || this.#likelihood(useClass) >= Math.max(MIN_LIKELIHOOD, this.#mark)) {
      return useClass
    }
    this.#clockBytes += bytes
    this.#mark *= Math.max(0, 1 - (MARK_DECAY * bytes) / this.#capacityBytes)
    this.#remember(name, useClass)
    return undefined
  }

  /** The class of what is stored in any case. */
  classify(name: Fingerprint): UseClass {
    const useClass = useClassOf('new', this.#sketch.estimate(name))
    this.#try(useClass)
    return useClass
  }

  /**
   * To be told of what is written, new or kept.
   *
   * @param recordCount Records in all slabs.
   */
  wrote(bytes: number, recordCount: number): void {
    this.#clockBytes += bytes
    this.#sketch.reserve(recordCount)
  }

  /**
   * Decides what to keep of a slab that is evicted.
   *
   * @param candidates All that can still be found in it.
   * @param slabBytes Its length, with what cannot be found any more.
   * @returns What to write again, the best first; at most `1 - MIN_FREED_SHARE` of the slab.
   */
  keep<C extends Candidate>(candidates: readonly C[], slabBytes: number): readonly Kept<C>[] {
    this.#isFull = true
    const judged = candidates.map((candidate) => {
      const state = candidate.isUsed || candidate.isUnknown ? 'used' : 'unused'
      const useClass = useClassOf(state, this.#sketch.estimate(candidate.name))
      this.#try(useClass)
      return { candidate, useClass, likelihood: this.#likelihood(useClass) }
    })
    const ascending = judged.toSorted((a, b) => a.likelihood - b.likelihood)
    const foundBytes = candidates.reduce((sum, { bytes }) => sum + bytes, 0)
    const goneBytes = slabBytes - foundBytes
    const mustGo = countUpTo(ascending, slabBytes * MIN_FREED_SHARE - goneBytes)
    const worst = ascending[mustGo - 1]?.likelihood ?? 0
    const marking = ascending[countUpTo(ascending, slabBytes * MARK_SHARE - goneBytes) - 1]
    this.#mark += MARK_WEIGHT * ((marking?.likelihood ?? 0) - this.#mark)
    // Where all of a slab is good, its worst is no measure.
    const threshold = Math.max(this.#mark, Math.min(this.#mark, worst) * LIKE_THE_WORST)
    const kept: Kept<C>[] = []
    for (const [i, { candidate, useClass, likelihood }] of ascending.entries()) {
      const isBetter = candidate.isUnknown || likelihood > threshold
      if (i >= mustGo && isBetter) kept.push({ candidate, useClass })
      else this.#remember(candidate.name, useClass)
    }
    return kept.toReversed()
  }

  #isSoon(atByte: number): boolean {
    return this.#clockBytes - atByte <= this.#capacityBytes * SOON_SHARE
  }

  #remember(name: Fingerprint, useClass: UseClass): void {
    this.#ghosts.delete(name)
    this.#ghosts.set(name, { useClass, atByte: this.#clockBytes })
    for (const [oldest, { atByte }] of this.#ghosts) {
      if (this.#isSoon(atByte) && this.#ghosts.size <= MAX_GHOST_COUNT) return
      this.#ghosts.delete(oldest)
    }
  }

  #likelihood(useClass: UseClass): number {
    return (this.#successes[useClass] ?? 0) / (this.#trials[useClass] ?? 1)
  }

  /** Counts a decision. Whether it is used again soon, shows later: until then it counts against it. */
  #try(useClass: UseClass): void {
    const trials = (this.#trials[useClass] ?? 0) + 1
    const share = trials > MAX_TRIAL_COUNT ? 0.5 : 1
    this.#trials[useClass] = trials * share
    this.#successes[useClass] = (this.#successes[useClass] ?? 0) * share
  }

  #succeed(useClass: UseClass): void {
    const successes = (this.#successes[useClass] ?? 0) + 1
    this.#successes[useClass] = Math.min(successes, this.#trials[useClass] ?? 0)
  }
}

function useClassOf(state: State, frequency: number): UseClass {
  return 1 + STATES.indexOf(state) * FREQUENCIES + frequency
}

/** What is believed before anything was learnt: what was used more often is used again sooner. */
function priorOf(state: State, frequency: number): number {
  switch (state) {
    case 'new':
      return frequency / (frequency + 8)
    case 'unused':
      return frequency / (frequency + 16)
    case 'used':
      return (frequency + 4) / (frequency + 8)
    default:
      throw new Error(`Cannot tell the prior of ${JSON.stringify(state satisfies never)}`)
  }
}

/** How many of the first ones make up these bytes. */
function countUpTo(
  judged: readonly { readonly candidate: Candidate }[],
  wantedBytes: number,
): number {
  let bytes = 0
  let count = 0
  for (const { candidate } of judged) {
    if (bytes >= wantedBytes) break
    bytes += candidate.bytes
    count++
  }
  return count
}
