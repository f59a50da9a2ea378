import {
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rename,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createDirectoryUpstream } from '../../../../src/adapters/node/directory-upstream.ts'
import type { ByteSource } from '#core/entry/byte-source.ts'
import type { Fields } from '#core/entry/fields.ts'
import type { UpstreamResponse } from '#core/ports/upstream.ts'
import { ask, failureOf, fetchFrom } from '../../../support/ask.ts'
import { checkOracle, createOracleChecker, oracleBytes } from '../../../support/oracle.ts'
import { createSteppedClock, turn } from '../../../support/stepped-clock.ts'

const MiB = 1024 * 1024
const SIZE_BYTES = 3 * MiB + 17
const MODIFIED_AT_S = Date.UTC(2024, 5, 1) / 1000

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-file-'))
  await write(1)
})

afterEach(async () => {
  await rm(root, { recursive: true })
})

function bytesOf(version: number): Buffer {
  return oracleBytes({ object: '/f', version, startByte: 0, endByte: SIZE_BYTES })
}

async function write(version: number, name = 'f'): Promise<void> {
  await writeFile(join(root, name), bytesOf(version))
  await utimes(join(root, name), MODIFIED_AT_S + version, MODIFIED_AT_S + version)
}

/** Descriptors of files under the root that are open in this process. */
async function openCount(): Promise<number> {
  let count = 0
  for (const descriptor of await readdir('/proc/self/fd')) {
    // The one of this very listing is gone by now.
    const path = await readlink(`/proc/self/fd/${descriptor}`).catch(() => '')
    if (path.startsWith(root)) count += 1
  }
  return count
}

/** A close takes a few turns; one that never comes, or only with the next garbage collection, fails the test. */
async function untilClosed(): Promise<void> {
  for (let i = 0; i < 10 && (await openCount()) > 0; i++) await turn()
  if ((await openCount()) > 0) throw new Error('Cannot go on: a file is still open')
}

function fetchFile(fields: Fields = [], target = '/f'): Promise<UpstreamResponse> {
  const origin = createDirectoryUpstream({ directory: root, clock: createSteppedClock() })
  return fetchFrom(origin, target, fields)
}

/** Reads to the end, and checks that all of it is of the version. */
async function readVersion(source: ByteSource, version: number): Promise<number> {
  const expected = { object: '/f', version, startByte: 0 }
  const checker = createOracleChecker(expected)
  try {
    for (;;) {
      const chunk = await source.read()
      if (chunk === undefined) return checker.receivedBytes
      checker.push(chunk)
    }
  } finally {
    expect(checker.problem).toBeUndefined()
  }
}

describe('readFileSpan', () => {
  it('gives every byte once, of the whole and of any range', async () => {
    const origin = createDirectoryUpstream({ directory: root, clock: createSteppedClock() })
    const whole = { object: '/f', version: 1, startByte: 0, endByte: SIZE_BYTES }
    expect(checkOracle((await ask(origin, '/f')).bytes, whole)).toBeUndefined()
    for (const [startByte, endByte] of [
      [0, 1],
      [MiB - 1, MiB + 1],
      [512 * 1024, MiB],
      [5, 2 * MiB + 5],
      [SIZE_BYTES - 1, SIZE_BYTES],
    ] as const) {
      const range = `bytes=${startByte}-${endByte - 1}`
      const { bytes } = await ask(origin, '/f', ['range', range])
      const expected = { object: '/f', version: 1, startByte, endByte }
      expect([range, checkOracle(bytes, expected)]).toEqual([range, undefined])
    }
  })

  it('gives pieces that stay as they are', async () => {
    const { body } = await fetchFile()
    const pieces: Uint8Array[] = []
    for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
      pieces.push(piece)
    }
    expect(Buffer.concat(pieces).equals(bytesOf(1))).toBe(true)
    expect(Math.max(...pieces.map((piece) => piece.byteLength))).toBeLessThanOrEqual(MiB)
  })

  it('closes the file at the end, and settles complete', async () => {
    const response = await fetchFile()
    expect(await openCount()).toBe(1)
    await readVersion(response.body, 1)
    expect(await response.settled).toEqual({ kind: 'complete' })
    await untilClosed()
    response.body.cancel('harmless')
    expect(await response.body.read()).toBeUndefined()
  })

  it('closes the file when it is cancelled, before, between and during reads', async () => {
    for (const readCount of [0, 1, 2]) {
      const { body, settled } = await fetchFile()
      for (let i = 0; i < readCount; i++) await body.read()
      const reading = body.read()
      body.cancel('enough')
      body.cancel('twice')
      expect(await reading).toBeUndefined()
      expect(await body.read()).toBeUndefined()
      expect(await settled).toEqual({ kind: 'cancelled' })
      await untilClosed()
    }
    const unread = await fetchFile()
    unread.body.cancel('not wanted')
    expect(await unread.settled).toEqual({ kind: 'cancelled' })
    await untilClosed()
  })

  it.each<[number, string, Fields]>([
    [304, '/f', ['if-none-match', '*']],
    [412, '/f', ['if-match', '"other"']],
    [416, '/f', ['range', `bytes=${SIZE_BYTES}-`]],
    [404, '/', []],
    [404, '/d', []],
    [301, '/i', []],
  ])('leaves nothing open after a %i to %s', async (status, target, fields) => {
    await mkdir(join(root, 'd'))
    await mkdir(join(root, 'i'))
    await writeFile(join(root, 'i', 'index.html'), '')
    const response = await fetchFile(fields, target)
    expect(response.status).toBe(status)
    while ((await response.body.read()) !== undefined);
    await untilClosed()
  })

  it('breaks when the file is written over, and gives no byte of the other version', async () => {
    for (const readCount of [0, 1, 3]) {
      await write(1)
      const { body, settled } = await fetchFile()
      for (let i = 0; i < readCount; i++) await body.read()
      await writeFile(join(root, 'f'), bytesOf(2))
      const failure = await failureOf(readVersionFrom(body, readCount))
      expect(failure).toMatchObject({ kind: 'http_response_incomplete', retryable: true })
      expect(await settled).toMatchObject({ kind: 'broken' })
      expect(() => body.read()).toThrow(failure)
      await untilClosed()
    }
  })

  it('breaks when the file is cut off', async () => {
    const { body, settled } = await fetchFile()
    await truncate(join(root, 'f'), MiB + 5)
    await expect(readVersion(body, 1)).rejects.toMatchObject({ kind: 'http_response_incomplete' })
    expect(await settled).toMatchObject({ kind: 'broken' })
    await untilClosed()
  })

  it('reads a file to its end that is replaced meanwhile', async () => {
    const { body } = await fetchFile()
    await write(2, 'next')
    await rename(join(root, 'next'), join(root, 'f'))
    expect(await readVersion(body, 1)).toBe(SIZE_BYTES)
    await untilClosed()
  })
})

/** What is left after some reads: still nothing but the first version, from wherever it goes on. */
async function readVersionFrom(source: ByteSource, readCount: number): Promise<void> {
  let atByte = readCount * 512 * 1024
  for (;;) {
    const chunk = await source.read()
    if (chunk === undefined) return
    const expected = { object: '/f', version: 1, startByte: atByte }
    expect(checkOracle(chunk, expected)).toBeUndefined()
    atByte += chunk.byteLength
  }
}
