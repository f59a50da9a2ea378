// Downloads by the programs people have, while the connection of the origin is cut twice: each finishes in
// its first attempt, byte for byte, and never learns of it.

import { createHash } from 'node:crypto'
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'

import { startCuttingProxy } from '../support/cutting-proxy.ts'
import type { CuttingProxy } from '../support/cutting-proxy.ts'
import { oracleBytes } from '../support/oracle.ts'
import { originLastModified } from '../support/origin-answer.ts'
import { describeWith, runProgram, testDirectory } from '../support/programs.ts'
import type { Program, Ran } from '../support/programs.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { AccessRecord, SluiceProcess } from '../support/sluice-process.ts'
import { tarOf } from '../support/tar.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const SIZE_BYTES = 32 * MIB + 4321
/** Of one response of the origin, before it is cut: less than any has that is asked for. */
const CUT_AFTER_BYTES = 700_000
const PATIENCE_MS = 60_000
const FRESH = ['Cache-Control', 'max-age=3600'] as const

let origin: TestOrigin
let cuts: CuttingProxy
let sluice: SluiceProcess

beforeAll(async () => {
  origin = await startTestOrigin()
  cuts = await startCuttingProxy(origin.port)
  sluice = await startSluice(['--origin', cuts.url])
})

beforeEach(() => {
  origin.reset()
})

afterAll(async () => {
  await sluice?.finish()
  await cuts?.close()
  await origin?.close()
})

/** An object that is fresh for an hour; each test has its own, so that it begins cold. */
function put(path: string): { readonly url: string; readonly bytes: Buffer } {
  origin.put(path, { sizeBytes: SIZE_BYTES, fields: [FRESH] })
  const whole = { object: path, version: 1, startByte: 0, endByte: SIZE_BYTES }
  return { url: `${sluice.url}${path}`, bytes: oracleBytes(whole) }
}

async function run(program: Program, args: readonly string[], cwd?: string): Promise<Ran> {
  const options = { timeoutMs: PATIENCE_MS, ...(cwd !== undefined && { cwd }) }
  const ran = await runProgram(program, args, options)
  expect(ran.exitCode, `${program} said: ${ran.stderr}${ran.stdout.toString().slice(-500)}`).toBe(0)
  return ran
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function resumedCount(): Promise<number> {
  return sluice
    .metrics()
    .then((metrics) => metrics.value('sluice_events_total', { kind: 'resumed' }))
}

interface Download {
  readonly path: string
  /** What the file must hold in the end. */
  readonly bytes: Uint8Array
  /** Downloads into the directory; @returns where the file is. */
  fetchInto(directory: string): Promise<string>
}

/**
 * Fetches twice, the first time with two cuts.
 *
 * @returns The requests of the client: those of the first time, then those of the second.
 */
async function cutThenHot(download: Download) {
  const { path, bytes, fetchInto } = download
  const resumedBefore = await resumedCount()
  cuts.arm(['fin', 'rst'], CUT_AFTER_BYTES)
  const coldFile = await fetchInto(await testDirectory())
  expect(sha256(await readFile(coldFile))).toBe(sha256(bytes))
  // In mid-body, both: and what was missing was asked for from the byte reached, of the same version.
  expect(cuts.made.map(({ end }) => end)).toEqual(['fin', 'rst'])
  for (const { passedBytes, contentLength } of cuts.made) {
    expect(passedBytes).toBeGreaterThanOrEqual(CUT_AFTER_BYTES)
    expect(passedBytes).toBeLessThan(contentLength)
  }
  expect((await resumedCount()) - resumedBefore).toBeGreaterThanOrEqual(2)
  const resumes = origin.requests.filter(({ header }) => isWithinSegment(header('range') ?? ''))
  expect(resumes.length).toBeGreaterThanOrEqual(1)
  expect(resumes.every(({ header }) => header('if-match') !== undefined)).toBe(true)
  const cold = await linesOf(path, 0)
  origin.resetCounters()
  const hotFile = await fetchInto(await testDirectory())
  expect(sha256(await readFile(hotFile))).toBe(sha256(bytes))
  expect(origin.requests.filter(({ target }) => target === path)).toEqual([])
  return { cold, hot: await linesOf(path, cold.length) }
}

/** Only what was broken off is asked for from anywhere but the edge of a segment. */
function isWithinSegment(range: string): boolean {
  const [, first] = /^bytes=(\d+)-/.exec(range) ?? []
  return first !== undefined && Number(first) % MIB !== 0
}

async function linesOf(path: string, skipCount: number): Promise<readonly AccessRecord[]> {
  const lines = await sluice.untilAccess(skipCount + 1, ({ target }) => target === path)
  return lines.slice(skipCount)
}

describeWith(['curl'], 'curl, with the origin cut twice', () => {
  it('downloads whole, with one request', { timeout: PATIENCE_MS }, async () => {
    const path = '/curl.bin'
    const { url, bytes } = put(path)
    const { cold, hot } = await cutThenHot({
      path,
      bytes,
      async fetchInto(directory) {
        const file = join(directory, 'got.bin')
        // It tries again only if it is told to.
        const args = ['-sS', '--fail', '-w', '%{http_code}', '-o', file, url]
        expect((await run('curl', args)).stdout.toString()).toBe('200')
        return file
      },
    })
    expect([cold, hot].map((lines) => lines.map(resultOf))).toEqual([
      [`200 ${SIZE_BYTES}`],
      [`200 ${SIZE_BYTES}`],
    ])
  })

  it('downloads a range, with one request', { timeout: PATIENCE_MS }, async () => {
    const path = '/curl-range.bin'
    const { url, bytes } = put(path)
    const [firstPos, lastPos] = [3 * MIB + 7, 29 * MIB + 6]
    const { cold, hot } = await cutThenHot({
      path,
      bytes: bytes.subarray(firstPos, lastPos + 1),
      async fetchInto(directory) {
        const file = join(directory, 'got.bin')
        const range = `${firstPos}-${lastPos}`
        const args = ['-sS', '--fail', '-r', range, '-w', '%{http_code}', '-o', file, url]
        expect((await run('curl', args)).stdout.toString()).toBe('206')
        return file
      },
    })
    const result = `206 ${lastPos + 1 - firstPos}`
    expect([...cold, ...hot].map(resultOf)).toEqual([result, result])
  })
})

describeWith(['wget'], 'wget, with the origin cut twice', () => {
  it('downloads whole, at its one try', { timeout: PATIENCE_MS }, async () => {
    const path = '/wget.bin'
    const { url, bytes } = put(path)
    const { cold, hot } = await cutThenHot({
      path,
      bytes,
      async fetchInto(directory) {
        const file = join(directory, 'got.bin')
        await run('wget', ['-nv', '--tries=1', '-O', file, url])
        return file
      },
    })
    const result = `200 ${SIZE_BYTES}`
    expect([...cold, ...hot].map(resultOf)).toEqual([result, result])
  })
})

describeWith(['aria2c'], 'aria2c, with the origin cut twice', () => {
  it('downloads over eight connections, at the one try of each', {
    timeout: PATIENCE_MS,
  }, async () => {
    const path = '/aria2.bin'
    const { url, bytes } = put(path)
    const asked: string[][] = []
    const { cold } = await cutThenHot({
      path,
      bytes,
      async fetchInto(directory) {
        const plain = ['--no-conf', '--file-allocation=none', '--summary-interval=0']
        const log = ['--console-log-level=error', '--log-level=info', '--log=aria2.log']
        const tries = ['-x8', '-s8', '-k1M', '--max-tries=1', '-o', 'got.bin']
        await run('aria2c', [...plain, ...log, ...tries, '-d', directory, url], directory)
        const said = await readFile(join(directory, 'aria2.log'), 'utf8')
        asked.push([...said.matchAll(/^Range: bytes=(\S+)\r?$/gm)].map(([, range = '']) => range))
        return join(directory, 'got.bin')
      },
    })
    for (const ranges of asked) {
      expect(ranges.length).toBeGreaterThanOrEqual(7)
      expect(new Set(ranges).size).toBe(ranges.length)
    }
    expect(cold.filter(({ status }) => status === 206).length).toBeGreaterThanOrEqual(7)
  })
})

describeWith(['npm'], 'npm, with the registry cut twice', () => {
  it('installs a package, and asks once for its tarball', { timeout: PATIENCE_MS }, async () => {
    const path = '/large/-/large-1.0.0.tgz'
    const content = put('/large-content.bin').bytes
    const manifest = { name: 'large', version: '1.0.0' }
    const tar = tarOf([
      { name: 'package/package.json', bytes: Buffer.from(JSON.stringify(manifest)) },
      { name: 'package/data.bin', bytes: content },
    ])
    const tarball = gzipSync(tar, { level: 0 })
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    origin.put(path, { body: tarball, fields: [FRESH] })
    const dist = { tarball: `${sluice.url}${path}`, integrity }
    const document = {
      name: 'large',
      'dist-tags': { latest: '1.0.0' },
      versions: { '1.0.0': { ...manifest, dist } },
    }
    const json = [FRESH, ['Content-Type', 'application/json']] as const
    origin.put('/large', { body: JSON.stringify(document), fields: json })
    const { cold, hot } = await cutThenHot({
      path,
      bytes: content,
      async fetchInto(directory) {
        const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--ignore-scripts']
        const places = ['--prefix', directory, '--cache', join(directory, 'cache')]
        const registry = ['--registry', sluice.url, '--fetch-retries=0']
        await run('npm', ['install', 'large@1.0.0', ...quiet, ...places, ...registry], directory)
        return join(directory, 'node_modules/large/data.bin')
      },
    })
    const result = `200 ${tarball.length}`
    expect([...cold, ...hot].map(resultOf)).toEqual([result, result])
  })
})

describeWith(['apt-get'], 'apt-get, with the repository cut twice', () => {
  it('fetches the rest of a package it has half of', { timeout: PATIENCE_MS }, async () => {
    const path = '/debian/large_1.0_all.deb'
    const { bytes } = put(path)
    origin.put('/debian/Packages', { body: packagesOf(path, bytes), fields: [FRESH] })
    const halfBytes = 9 * MIB + 77
    const { cold, hot } = await cutThenHot({
      path,
      bytes,
      async fetchInto(directory) {
        const options = await aptOptions(directory)
        await run('apt-get', [...options, 'update'])
        const half = join(directory, 'cache/archives/partial', basename(path))
        await writeFile(half, bytes.subarray(0, halfBytes))
        // It asks for the rest of what was last modified then (RFC 9110 §13.1.5).
        const modifiedAt = new Date(originLastModified(1))
        await utimes(half, modifiedAt, modifiedAt)
        await run('apt-get', [...options, 'install', '-y', '--download-only', 'large'])
        return join(directory, 'cache/archives', basename(path))
      },
    })
    const result = `206 ${SIZE_BYTES - halfBytes}`
    expect([...cold, ...hot].map(resultOf)).toEqual([result, result])
  })
})

function resultOf({ status, bytes, error }: AccessRecord): string {
  return `${status} ${bytes}${error === undefined ? '' : `: ${error}`}`
}

/** The index of a repository of one package. Nothing is installed, so its bytes may be any. */
function packagesOf(path: string, bytes: Uint8Array): string {
  return [
    'Package: large',
    'Version: 1.0',
    'Architecture: all',
    'Maintainer: Nobody <nobody@example.com>',
    'Description: Large',
    `Filename: ${path.slice(1)}`,
    `Size: ${bytes.length}`,
    `SHA256: ${sha256(bytes)}`,
    '',
  ].join('\n')
}

/** An apt of its own below the directory, which knows our repository alone and tries nothing twice. */
async function aptOptions(directory: string): Promise<string[]> {
  for (const name of ['etc', 'state/lists/partial', 'cache/archives/partial']) {
    await mkdir(join(directory, name), { recursive: true })
  }
  await writeFile(join(directory, 'etc/sources.list'), `deb [trusted=yes] ${sluice.url}/ debian/\n`)
  await writeFile(join(directory, 'state/status'), '')
  const settings = [
    `Dir::Etc=${directory}/etc`,
    'Dir::Etc::Parts=-',
    'Dir::Etc::SourceParts=-',
    `Dir::State=${directory}/state`,
    `Dir::State::status=${directory}/state/status`,
    `Dir::Cache=${directory}/cache`,
    'Acquire::Retries=0',
    'Acquire::Languages=none',
    'Acquire::http::Proxy=DIRECT',
    'APT::Sandbox::User=root',
    'Debug::NoLocking=1',
  ]
  return settings.flatMap((setting) => ['-o', setting])
}
