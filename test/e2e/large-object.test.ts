// What is large or many: 4 GiB through the real process, and a thousand clients at once.

import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

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
/**
 * What the process may need besides its memory tier: 125 MiB are there at the start, and V8 lets the
 * buffers grow by a third between two collections. The aim is 200 MiB.
 */
const OVERHEAD_BYTES = 300 * MIB
const FRESH = [['Cache-Control', 'max-age=3600']] as const
const SAMPLE_MS = 100
const MINUTE_MS = 60_000

let origin: TestOrigin
let sluice: SluiceProcess

beforeAll(async () => {
  origin = await startTestOrigin()
  sluice = await startSluice(['--origin', origin.url, '--memory', `${MEMORY_BYTES}`])
})

beforeEach(() => {
  origin.reset()
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
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
    timeoutMs: MINUTE_MS,
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
  it('passes through byte for byte, in memory that has a bound', {
    timeout: MINUTE_MS,
  }, async () => {
    put('/huge.bin')
    using rss = watchRss(sluice)
    const got = await fetchChecked('/huge.bin', 0, HUGE_BYTES, true)
    expect(got).toMatchObject({ status: 200, complete: true, problem: undefined })
    report('4 GiB through', HUGE_BYTES, got.elapsedMs, rss.maxBytes())
    expect(rss.maxBytes()).toBeLessThan(MEMORY_BYTES + OVERHEAD_BYTES)
    expect(origin.counters().bodyBytes).toBe(HUGE_BYTES)
    origin.resetCounters()
    // Its last bytes are what memory still holds.
    const end = await fetchChecked('/huge.bin', HUGE_BYTES - 100 * MIB, HUGE_BYTES)
    expect(end).toMatchObject({ status: 206, complete: true, problem: undefined })
    expect(end.header('cache-status')).toMatch(/; hit/)
    expect(origin.counters().requests).toBe(0)
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
    expect(bodyBytes).toBeLessThan(48 * MIB)
    socket.on('data', (chunk: Buffer) => checker.push(chunk))
    socket.resume()
    await expect.poll(() => checker.receivedBytes).toBeGreaterThan(bodyBytes + 64 * MIB)
    expect(checker.problem).toBeUndefined()
    socket.destroy()
    await expect.poll(() => origin.counters().concurrent).toBe(0)
  })
})

/** Sends a request, reads its head, and then reads nothing more until told. */
async function askAndPause(path: string) {
  const socket: Socket = connect({ port: sluice.port, host: '127.0.0.1' })
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
    timeout: MINUTE_MS,
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
    expect(origin.counters()).toMatchObject({ requests: 1, bodyBytes: sizeBytes })
    const ms = performance.now() - startedAtMs
    report('1,000 clients of 8 MiB', clientCount * sizeBytes, ms, rss.maxBytes())
  })
})

/** Says what is wrong with what came, compared with bytes that all clients share. */
async function fetchCompared(url: string, expected: Buffer): Promise<string | undefined> {
  let atByte = 0
  let wrongByte: number | undefined
  const got = await httpGet(url, {
    timeoutMs: MINUTE_MS,
    onChunk(chunk) {
      const isRight = chunk.equals(expected.subarray(atByte, atByte + chunk.length))
      if (!isRight) wrongByte ??= atByte
      atByte += chunk.length
    },
  })
  if (wrongByte !== undefined) return `wrong after byte ${wrongByte}`
  const isWhole = got.status === 200 && got.complete && atByte === expected.length
  return isWhole ? undefined : `${got.status} with ${atByte} bytes: ${got.error?.message ?? ''}`
}
