// What is large or many: 4 GiB through the real process, and a thousand clients at once.

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'

import { createGate } from '../support/gate.ts'
import { httpGet } from '../support/http-get.ts'
import { createOracleChecker, oracleBytes } from '../support/oracle.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const HUGE_BYTES = 4096 * MIB
const MEMORY_BYTES = 256 * MIB
/** What is asked for: the memory tier and 200 MiB for all the rest. */
const MAX_RSS_BYTES = MEMORY_BYTES + 200 * MIB
/** L-08, with a connection and an active stream for each client. */
const maxRssBytes = (clientCount: number) =>
  1.3 * MEMORY_BYTES + 160 * MIB + clientCount * (16 + 256) * 1024
const FRESH = [['Cache-Control', 'max-age=3600']] as const
const SAMPLE_MS = 100
/** Many times what it takes on a machine that does nothing else. */
const PATIENCE_MS = 180_000

let disk: string
let origin: TestOrigin
let sluice: SluiceProcess

beforeAll(async () => {
  disk = await mkdtemp(join(tmpdir(), 'sluice-large-'))
  origin = await startTestOrigin()
  const tiers = ['--memory', `${MEMORY_BYTES}`, '--disk', disk, '--disk-size', '6GiB']
  sluice = await startSluice(['--origin', origin.url, ...tiers])
})

beforeEach(() => {
  origin.reset()
})

afterAll(async () => {
  await sluice?.finish()
  await origin?.close()
  await rm(disk, { recursive: true, force: true })
})

function put(path: string, sizeBytes = HUGE_BYTES): string {
  origin.put(path, { sizeBytes, fields: FRESH })
  return `${sluice.url}${path}`
}

/** Fetches and checks while it comes, holding nothing. */
async function fetchChecked(path: string, startByte: number, endByte: number, isWhole = false) {
  const checker = createOracleChecker({ object: path, version: 1, startByte, endByte })
  const got = await httpGet(`${sluice.url}${path}`, {
    ...(!isWhole && { range: `bytes=${startByte}-${endByte - 1}` }),
    onChunk: (chunk) => checker.push(chunk),
    timeoutMs: PATIENCE_MS,
  })
  return { ...got, problem: checker.finish() }
}

/** The highest resident set of the process from now on. */
function watchRss(process: SluiceProcess): { maxBytes(): number } & Disposable {
  let maxBytes = process.rssBytes()
  const timer = setInterval(() => {
    maxBytes = Math.max(maxBytes, process.rssBytes())
  }, SAMPLE_MS)
  return { maxBytes: () => maxBytes, [Symbol.dispose]: () => clearInterval(timer) }
}

function report(what: string, countBytes: number, ms: number, rssBytes: number): void {
  const seconds = ms / 1000
  const rate = `${Math.round(countBytes / 1e6 / seconds)} MB/s`
  const rss = `RSS at most ${Math.round(rssBytes / MIB)} MiB`
  process.stdout.write(`${what}: ${seconds.toFixed(1)} s, ${rate}, ${rss}\n`)
}

describe('an object of 4 GiB', () => {
  let hugeRssBytes = Infinity

  it('passes through byte for byte, and is served from disk then', {
    timeout: PATIENCE_MS,
  }, async () => {
    put('/huge.bin')
    using rss = watchRss(sluice)
    const got = await fetchChecked('/huge.bin', 0, HUGE_BYTES, true)
    expect(got).toMatchObject({ status: 200, complete: true, problem: undefined })
    report('4 GiB through', HUGE_BYTES, got.elapsedMs, rss.maxBytes())
    hugeRssBytes = rss.maxBytes()
    // A run that was ended for a reader left behind throws away what was on its way.
    expect(origin.counters().bodyBytes).toBeLessThan(HUGE_BYTES + 64 * MIB)
    origin.resetCounters()
    // Its first bytes have left memory long ago, its last ones are there still.
    for (const startByte of [3 * MIB + 7, HUGE_BYTES - 100 * MIB]) {
      const part = await fetchChecked('/huge.bin', startByte, startByte + 50 * MIB)
      expect(part).toMatchObject({ status: 206, complete: true, problem: undefined })
      expect(part.header('cache-status')).toMatch(/; hit/)
    }
    expect(origin.counters().requests).toBe(0)
  })

  it('passed through in the memory tier and 200 MiB, as the test before has measured', () => {
    expect(hugeRssBytes / MIB).toBeLessThan(MAX_RSS_BYTES / MIB)
  })

  it.each([
    ['in its middle', 3_000_000_000, 3_001_999_999, 2],
    ['over an edge', 2048 * MIB - 1, 2048 * MIB, 2],
    ['at its end', HUGE_BYTES - 10, HUGE_BYTES - 1, 1],
  ])('is fetched %s by the segments of a range alone', async (where, first, last, count) => {
    const path = `/huge-${where.replaceAll(' ', '-')}.bin`
    put(path)
    const got = await fetchChecked(path, first, last + 1)
    expect(got).toMatchObject({ status: 206, complete: true, problem: undefined })
    expect(got.header('content-range')).toBe(`bytes ${first}-${last}/${HUGE_BYTES}`)
    expect(origin.counters()).toMatchObject({ requests: 1, bodyBytes: count * MIB })
  })

  it('is not fetched for a client that has stopped reading, and goes on when it reads', async () => {
    put('/slow.bin')
    const { socket, checker } = await askAndPause('/slow.bin')
    // The run has ended, and no connection of the origin is held for this client.
    await expect.poll(() => origin.counters().concurrent, { timeout: 10_000 }).toBe(0)
    const { bodyBytes } = origin.counters()
    process.stdout.write(`left for a paused client: ${Math.round(bodyBytes / MIB)} MiB\n`)
    // The window of 16 MiB, and what the kernel holds of three sockets.
    expect(bodyBytes).toBeLessThan(64 * MIB)
    socket.on('data', (chunk: Buffer) => checker.push(chunk))
    socket.resume()
    const soon = { timeout: 15_000 }
    await expect.poll(() => checker.receivedBytes, soon).toBeGreaterThan(bodyBytes + 64 * MIB)
    expect(checker.problem).toBeUndefined()
    socket.destroy()
    await expect.poll(() => origin.counters().concurrent, soon).toBe(0)
  })
})

/** Sends a request, reads its head, and then reads nothing more until told. */
async function askAndPause(path: string) {
  const socket: Socket = connect({ port: sluice.port, host: '127.0.0.1' })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: edge.test\r\n\r\n`)
  let head = Buffer.alloc(0)
  while (!head.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    socket.pause()
    head = Buffer.concat([head, chunk])
    if (!head.includes('\r\n\r\n')) socket.resume()
  }
  socket.removeAllListeners('data')
  const checker = createOracleChecker({ object: path, version: 1, startByte: 0 })
  checker.push(head.subarray(head.indexOf('\r\n\r\n') + 4))
  return { socket, checker }
}

describe('a thousand clients of one cold object', () => {
  it('cause one transfer from the origin, and each gets every byte', {
    timeout: PATIENCE_MS,
  }, async () => {
    const sizeBytes = 8 * MIB
    const clientCount = 1000
    const gate = createGate()
    const url = put('/popular.bin', sizeBytes)
    origin.inject({ fault: 'gate-head', gate }, '/popular.bin')
    const expected = oracleBytes({
      object: '/popular.bin',
      version: 1,
      startByte: 0,
      endByte: sizeBytes,
    })
    using rss = watchRss(sluice)
    const startedAtMs = performance.now()
    const clients = Array.from({ length: clientCount }, () => fetchCompared(url, expected))
    await gate.arrived()
    gate.release()
    const problems = (await Promise.all(clients)).filter((problem) => problem !== undefined)
    expect(problems).toEqual([])
    const asked = origin.requests.filter(({ target }) => target === '/popular.bin')
    expect(asked.map(({ bytesSent }) => bytesSent)).toEqual([sizeBytes])
    const ms = performance.now() - startedAtMs
    report('1,000 clients of 8 MiB', clientCount * sizeBytes, ms, rss.maxBytes())
    expect(rss.maxBytes()).toBeLessThan(maxRssBytes(clientCount))
  })
})

/** Says what is wrong with what came, compared with bytes that all clients share. */
async function fetchCompared(url: string, expected: Buffer): Promise<string | undefined> {
  let atByte = 0
  let wrongByte: number | undefined
  const got = await httpGet(url, {
    timeoutMs: PATIENCE_MS,
    onChunk(chunk) {
      const isRight = chunk.equals(expected.subarray(atByte, atByte + chunk.length))
      if (!isRight) wrongByte ??= atByte
      atByte += chunk.length
    },
  })
  const isWhole = got.status === 200 && got.complete && atByte === expected.length
  if (!isWhole) return `${got.status} with ${atByte} bytes: ${got.error?.message ?? ''}`
  return wrongByte === undefined ? undefined : `wrong after byte ${wrongByte}`
}
