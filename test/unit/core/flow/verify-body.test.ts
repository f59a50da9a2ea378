import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { crcOf } from '#core/entry/crc.ts'
import { verifyBody } from '#core/flow/verify-body.ts'
import type { BodyVerification, BodyVerdict } from '#core/flow/verify-body.ts'
import type { DigestAlgorithm } from '#core/http/digest-fields.ts'
import type { Digests } from '#core/ports/digests.ts'
import { createNodeDigests } from '../../../../src/adapters/node/node-digests.ts'
import { whileStepping } from '../../../support/edge.ts'
import { slowDigest } from '../../../support/slow-digest.ts'
import { createSteppedClock, turn } from '../../../support/stepped-clock.ts'

const SEGMENT_BYTES = 100
const nodeDigests = createNodeDigests()
const BODY = Uint8Array.from({ length: 1034 }, (_, i) => (i * 7) % 251)
const COUNT = 11
const IN_ORDER = Array.from({ length: COUNT }, (_, i) => i)
const HASHES = ['sha-512', 'sha-256', 'sha-1', 'md5'] as const
const CRCS = ['crc64nvme', 'crc32c', 'crc32'] as const

/** A platform that gives digests later, as that of Workers does. */
const SLOW: Digests = {
  startHash(algorithm) {
    const running = nodeDigests.startHash(algorithm)
    if (running === undefined) return undefined
    return {
      update: (bytes) => running.update(bytes),
      digest: async () => (await turn(), await running.digest()),
    }
  },
  async crc(algorithm, bytes) {
    const crc = crcOf(algorithm, bytes)
    await turn()
    return crc
  },
}

const PLATFORMS = [
  ['at once', nodeDigests],
  ['later', SLOW],
] as const

interface Case {
  readonly algorithms: readonly DigestAlgorithm[]
  readonly digests?: Digests
  readonly body?: Uint8Array
  readonly completeLength?: number | undefined
}

function begin({ algorithms, digests = nodeDigests, body = BODY, ...rest }: Case) {
  const expected = algorithms.map((algorithm) => ({
    algorithm,
    hex: slowDigest(algorithm, body).toString('hex'),
  }))
  const completeLength = 'completeLength' in rest ? rest.completeLength : body.byteLength
  const head = { digests: expected, segmentBytes: SEGMENT_BYTES, completeLength }
  const verification = verifyBody(head, digests)
  if (verification === undefined) throw new Error('Cannot verify: nothing to hold it against')
  return verification
}

function segmentOf(index: number, body: Uint8Array = BODY): Uint8Array {
  return body.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES)
}

function give(
  verification: BodyVerification,
  indexes: readonly number[],
  body: Uint8Array = BODY,
): void {
  for (const index of indexes) verification.segmentCame(index, segmentOf(index, body))
}

function wrongAt(byte: number): Uint8Array {
  const body = Uint8Array.from(BODY)
  body[byte] = (body[byte] ?? 0) ^ 1
  return body
}

const order = fc.shuffledSubarray(IN_ORDER, { minLength: COUNT })

describe('verifyBody', () => {
  it('has nothing to do without a digest that this platform can make', () => {
    const head = { segmentBytes: SEGMENT_BYTES, completeLength: 10 }
    expect(verifyBody(head, nodeDigests)).toBeUndefined()
    expect(verifyBody({ ...head, digests: [] }, nodeDigests)).toBeUndefined()
    const none: Digests = { ...nodeDigests, startHash: () => undefined }
    const digests = [{ algorithm: 'md5', hex: '00'.repeat(16) }] as const
    expect(verifyBody({ ...head, digests }, none)).toBeUndefined()
  })

  it('goes on to the next digest where the platform does not have the strongest', async () => {
    const noMd5: Digests = {
      ...nodeDigests,
      startHash: (name) => (name === 'sha-512' ? undefined : nodeDigests.startHash(name)),
    }
    const verification = begin({ algorithms: ['sha-512', 'sha-256'], digests: noMd5 })
    give(verification, IN_ORDER)
    expect(verification.verdict()).toBe('verified')
    expect(verification.algorithm).toBe('sha-256')
  })
})

describe.each(PLATFORMS)('BodyVerification, digests %s', (_, digests) => {
  it.each([...HASHES, ...CRCS])('knows by %s when the last segment has come', async (name) => {
    for (const [body, verdict] of [
      [BODY, 'verified'],
      [wrongAt(0), 'mismatch'],
      [wrongAt(555), 'mismatch'],
      [wrongAt(1033), 'mismatch'],
    ] as const) {
      const verification = begin({ algorithms: [name], digests })
      give(verification, IN_ORDER.slice(0, -1), body)
      expect(await verification.verdict()).toBe('unknown')
      expect(verification.algorithm).toBeUndefined()
      give(verification, [COUNT - 1], body)
      expect(await verification.verdict()).toBe(verdict)
      expect(await verification.verdict()).toBe(verdict)
      expect([verification.algorithm, verification.needsPass()]).toEqual([name, false])
    }
  })

  it.each(CRCS)('knows by %s in any order, with segments that come twice', async (name) => {
    await fc.assert(
      fc.asyncProperty(order, fc.nat({ max: 1033 }), fc.boolean(), async (indexes, at, isWrong) => {
        const body = isWrong ? wrongAt(at) : BODY
        const verification = begin({ algorithms: [name], digests })
        give(verification, indexes.slice(0, -1), body)
        give(verification, indexes.slice(0, 3), body)
        expect(await verification.verdict()).toBe('unknown')
        give(verification, indexes.slice(-1), body)
        expect(await verification.verdict()).toBe(isWrong ? 'mismatch' : 'verified')
      }),
      { numRuns: 50 },
    )
  })

  it('never tells by a hash what did not come in order, and asks for a pass', async () => {
    await fc.assert(
      fc.asyncProperty(order, async (indexes) => {
        const verification = begin({ algorithms: ['sha-256'], digests })
        give(verification, indexes)
        const isInOrder = indexes.every((index, i) => index === i)
        expect(await verification.verdict()).toBe(isInOrder ? 'verified' : 'unknown')
        expect(verification.needsPass()).toBe(!isInOrder)
      }),
      { numRuns: 50 },
    )
  })

  it('takes the strongest that can tell: the hash in order, else the CRC', async () => {
    const algorithms = ['sha-256', 'crc32c'] as const
    const inOrder = begin({ algorithms, digests })
    give(inOrder, IN_ORDER)
    expect([await inOrder.verdict(), inOrder.algorithm]).toEqual(['verified', 'sha-256'])
    const reversed = begin({ algorithms, digests })
    give(reversed, IN_ORDER.toReversed())
    expect([await reversed.verdict(), reversed.algorithm]).toEqual(['verified', 'crc32c'])
  })

  it('waits for a length that is not known yet', async () => {
    for (const name of ['md5', 'crc32'] as const) {
      const verification = begin({ algorithms: [name], digests, completeLength: undefined })
      give(verification, IN_ORDER)
      expect([await verification.verdict(), verification.needsPass()]).toEqual(['unknown', false])
      verification.lengthBecameKnown(BODY.byteLength)
      expect(await verification.verdict()).toBe('verified')
    }
  })

  it('verifies a body of no bytes, of one segment, and of whole segments', async () => {
    for (const name of [...HASHES, ...CRCS]) {
      for (const lengthBytes of [0, 1, 100, 200]) {
        const body = BODY.subarray(0, lengthBytes)
        const verification = begin({ algorithms: [name], digests, body })
        give(verification, IN_ORDER.slice(0, Math.ceil(lengthBytes / SEGMENT_BYTES)), body)
        expect([name, lengthBytes, await verification.verdict()]).toEqual([
          name,
          lengthBytes,
          'verified',
        ])
      }
    }
  })

  it('tells nothing when segments are not as long as they are to be', async () => {
    for (const name of ['md5', 'crc32'] as const) {
      const verification = begin({ algorithms: [name], digests })
      give(verification, IN_ORDER.slice(0, -1))
      verification.segmentCame(COUNT - 1, segmentOf(COUNT - 1).subarray(1))
      expect([await verification.verdict(), verification.needsPass()]).toEqual(['unknown', false])
    }
  })
})

interface Passed {
  readonly verdict: BodyVerdict
  readonly read: readonly number[]
}

async function pass(
  verification: BodyVerification,
  read: (index: number) => Uint8Array | undefined | Promise<Uint8Array | undefined> = (index) =>
    Uint8Array.from(segmentOf(index)),
): Promise<Passed> {
  const clock = createSteppedClock()
  const indexes: number[] = []
  const reading = verification.pass(
    (index) => {
      indexes.push(index)
      return read(index)
    },
    { clock, signal: new AbortController().signal },
  )
  return { verdict: await whileStepping(clock, reading), read: indexes }
}

describe.each(PLATFORMS)('BodyVerification.pass, digests %s', (_, digests) => {
  it('goes on with a hash where the order broke', async () => {
    const verification = begin({ algorithms: ['sha-256'], digests })
    give(verification, [0, 1, 2, 4, 3, 5])
    expect(verification.needsPass()).toBe(true)
    // 3 came after 4, and in order again.
    expect(await pass(verification)).toEqual({ verdict: 'verified', read: [4, 5, 6, 7, 8, 9, 10] })
    expect([verification.algorithm, verification.needsPass()]).toEqual(['sha-256', false])
  })

  it('reads for a CRC only what did not come through here', async () => {
    const verification = begin({ algorithms: ['sha-256', 'crc64nvme'], digests })
    give(verification, [3, 4, 8, 7, 10])
    expect(await pass(verification)).toEqual({ verdict: 'verified', read: [0, 1, 2, 5, 6, 9] })
    expect(verification.algorithm).toBe('crc64nvme')
  })

  it('finds what is wrong', async () => {
    for (const name of [...HASHES, ...CRCS]) {
      const verification = begin({ algorithms: [name], digests })
      const wrong = wrongAt(250)
      const { verdict } = await pass(verification, (index) => segmentOf(index, wrong))
      expect([name, verdict]).toEqual([name, 'mismatch'])
    }
  })

  it('ends without a verdict when a segment is not there, cut short, or cannot be read', async () => {
    for (const read of [
      () => undefined,
      () => segmentOf(0).subarray(1),
      () => Promise.reject(new Error('Cannot read')),
    ]) {
      const verification = begin({ algorithms: ['md5'], digests })
      expect(await pass(verification, read)).toEqual({ verdict: 'unknown', read: [0] })
      expect(verification.needsPass()).toBe(true)
      expect(await pass(verification)).toMatchObject({ verdict: 'verified' })
    }
  })
})

describe('BodyVerification.pass', () => {
  it('rests after each segment for as long as it took, and ends soon after it is aborted', async () => {
    const clock = createSteppedClock()
    const abort = new AbortController()
    const verification = begin({ algorithms: ['sha-256'] })
    const readAtMs: number[] = []
    const passing = verification.pass(
      async (index) => {
        readAtMs.push(clock.monotonicMs())
        if (index === 4) abort.abort()
        if (index === 2) await new Promise<void>((resolve) => clock.after(40, resolve))
        return segmentOf(index)
      },
      { clock, signal: abort.signal },
    )
    await clock.step(1000)
    expect(await passing).toBe('unknown')
    const [first = 0] = readAtMs
    expect(readAtMs.map((atMs) => atMs - first)).toEqual([0, 1, 2, 82, 83])
    // What was read is not read again.
    expect(await pass(verification)).toMatchObject({
      verdict: 'verified',
      read: [5, 6, 7, 8, 9, 10],
    })
  })

  it('does nothing once there is a verdict', async () => {
    const verification = begin({ algorithms: ['crc32'] })
    give(verification, IN_ORDER)
    expect(await pass(verification)).toEqual({ verdict: 'verified', read: [] })
  })

  it('makes the CRC of a segment once, however often it comes', () => {
    let count = 0
    const counting: Digests = {
      ...nodeDigests,
      crc(algorithm, bytes) {
        count += 1
        return crcOf(algorithm, bytes)
      },
    }
    const verification = begin({ algorithms: ['crc32'], digests: counting })
    give(verification, [5, 4, 5, 6, 4])
    expect(count).toBe(3)
  })

  it('is no use where the platform fails to make the only digest there is', async () => {
    const failing: Digests = { ...nodeDigests, crc: () => Promise.reject(new Error('Cannot')) }
    const verification = begin({ algorithms: ['crc32'], digests: failing })
    expect(await pass(verification)).toEqual({ verdict: 'unknown', read: [0] })
    expect(verification.needsPass()).toBe(false)
  })
})
