// How often names were used lately, roughly, in little memory: a count-min sketch of 4-bit counters with
// conservative update, which age by halving (TinyLFU, Einziger, Friedman and Manes, 2017).

/** An integer below 2^53 that stands for a name; as even as a hash. */
export type Fingerprint = number

/** The most that a counter can say. */
export const MAX_FREQUENCY = 15

/** Counters for each name that is stored: those that are not stored must be told apart as well. */
const COUNTERS_PER_NAME = 64
const MIN_COUNTER_COUNT = 2 ** 17
/** 32 MiB. Beyond it names share counters more and more. */
const MAX_COUNTER_COUNT = 2 ** 26
/** Uses after which all counters are halved, for each name that is stored. */
const USES_PER_NAME = 60
const MIN_USE_COUNT = 2 ** 14
const ROWS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const
const PER_WORD = 8
/** All but the highest bit of each of the eight counters of a word. */
const LOW_BITS = 0x77777777
const HIGH_PART = 2 ** 32

export class FrequencySketch {
  #words = new Uint32Array(MIN_COUNTER_COUNT / PER_WORD)
  #maxUseCount = MIN_USE_COUNT
  #useCount = 0

  /** Memory it takes. */
  get bytes(): number {
    return this.#words.byteLength
  }

  add(name: Fingerprint): void {
    const before = this.estimate(name)
    if (before < MAX_FREQUENCY) {
      for (const row of ROWS) {
        const at = this.#at(name, row)
        if (this.#counter(at) === before) this.#increment(at)
      }
    }
    if (++this.#useCount >= this.#maxUseCount) this.#age()
  }

  /** Uses since some halvings, 0 to 15; rather too many than too few. */
  estimate(name: Fingerprint): number {
    let least = MAX_FREQUENCY
    for (const row of ROWS) least = Math.min(least, this.#counter(this.#at(name, row)))
    return least
  }

  /** Makes room for as many names as are stored; what is known is kept. */
  reserve(nameCount: number): void {
    this.#maxUseCount = Math.max(MIN_USE_COUNT, nameCount * USES_PER_NAME)
    const wanted = Math.min(MAX_COUNTER_COUNT, nameCount * COUNTERS_PER_NAME)
    while (this.#words.length * PER_WORD < wanted) {
      const { length } = this.#words
      const grown = new Uint32Array(length * 2)
      grown.set(this.#words)
      // A name's place in twice the table is its place now, or that place in the second half.
      grown.set(this.#words, length)
      this.#words = grown
    }
  }

  #age(): void {
    this.#useCount = Math.floor(this.#useCount / 2)
    const words = this.#words
    for (let i = 0; i < words.length; i++) words[i] = ((words[i] ?? 0) >>> 1) & LOW_BITS
  }

  #at(name: Fingerprint, row: number): number {
    const low = name | 0
    const high = Math.floor(name / HIGH_PART)
    let hash = Math.imul(low ^ row, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13) ^ high, 0xc2b2ae35)
    return ((hash ^ (hash >>> 16)) >>> 0) & (this.#words.length * PER_WORD - 1)
  }

  #counter(at: number): number {
    return ((this.#words[at >>> 3] ?? 0) >>> ((at & 7) * 4)) & 15
  }

  #increment(at: number): void {
    const i = at >>> 3
    this.#words[i] = (this.#words[i] ?? 0) + (1 << ((at & 7) * 4))
  }
}
