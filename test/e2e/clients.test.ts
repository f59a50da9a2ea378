// Downloads by the programs people have, from the real process, byte for byte.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { checkOracle, oracleBytes } from '../support/oracle.ts'
import { describeWith, runProgram, testDirectory } from '../support/programs.ts'
import type { Program, Ran } from '../support/programs.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
/**
 * Some segments, and a last one that is short and odd. Less than the window of a fill, so that no fill is
 * ended and begun again for a client that is slow to write its file, and exact counts hold.
 */
const SIZE_BYTES = 15 * MIB + 4321
const HALF_BYTES = 7 * MIB + 77

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess

beforeAll(async () => {
  origin = await startTestOrigin()
  // How often the origin is asked depends on how fast it seems only where that is what is tested.
  const limits = { fillConnections: 1, rangeWaitTime: '1h' }
  const config = files.write('clients.json', { limits })
  sluice = await startSluice([`--config=${config}`, '--origin', origin.url])
})

beforeEach(() => {
  origin.reset()
})

afterAll(async () => {
  await sluice.finish()
  files.remove()
  await origin.close()
})

/** An object that is fresh for an hour; each test has its own, so that it begins cold. */
function put(path: string, sizeBytes = SIZE_BYTES): string {
  origin.put(path, { sizeBytes, fields: [['Cache-Control', 'max-age=3600']] })
  return `${sluice.url}${path}`
}

function problemOf(bytes: Uint8Array, object: string, startByte = 0, endByte = SIZE_BYTES) {
  return checkOracle(bytes, { object, version: 1, startByte, endByte })
}

async function run(program: Program, args: readonly string[], cwd?: string): Promise<Ran> {
  const ran = await runProgram(program, args, cwd === undefined ? {} : { cwd })
  expect(ran.exitCode, `${program} said: ${ran.stderr}${ran.stdout.toString().slice(-500)}`).toBe(0)
  return ran
}

/** Fetches the object twice into a file of the name; returns what the origin was asked for the first time. */
async function coldAndHot(
  path: string,
  fetchInto: (directory: string, file: string) => Promise<void>,
) {
  const cold = await testDirectory()
  await fetchInto(cold, join(cold, 'got.bin'))
  expect(problemOf(await readFile(join(cold, 'got.bin')), path)).toBeUndefined()
  const asked = { counters: origin.counters(), requests: [...origin.requests] }
  origin.resetCounters()
  const hot = await testDirectory()
  await fetchInto(hot, join(hot, 'got.bin'))
  expect(problemOf(await readFile(join(hot, 'got.bin')), path)).toBeUndefined()
  expect(origin.counters().requests).toBe(0)
  return asked
}

describeWith(['curl', 'cmp'], 'curl through sluice', () => {
  it('downloads whole, and the second time without the origin', async () => {
    const url = put('/curl.bin')
    const expected = join(await testDirectory(), 'expected.bin')
    await writeFile(expected, oracleBytes({ ...whole('/curl.bin') }))
    const asked = await coldAndHot('/curl.bin', async (_, file) => {
      await run('curl', ['-sS', '--fail', '-o', file, url])
      await run('cmp', [file, expected])
    })
    expect(asked.requests.map((request) => request.header('range'))).toEqual([undefined])
    expect(asked.counters.bodyBytes).toBe(SIZE_BYTES)
    const lines = await sluice.untilAccess(2, ({ target }) => target === '/curl.bin')
    expect(lines[0]?.cache).toMatch(/fwd=uri-miss/)
    expect(lines[1]?.cache).toMatch(/hit/)
  })

  it.each([
    ['first and last', '5000000-9999999', 5_000_000, 10_000_000],
    ['first alone', `${SIZE_BYTES - 3 * MIB}-`, SIZE_BYTES - 3 * MIB, SIZE_BYTES],
    ['a suffix', '-2222222', SIZE_BYTES - 2_222_222, SIZE_BYTES],
  ])(
    'downloads a range given by %s (RFC 9110 §14.1.1)',
    async (name, range, startByte, endByte) => {
      const path = `/curl-range-${name.replaceAll(' ', '-')}.bin`
      const url = put(path)
      const directory = await testDirectory()
      for (const heat of ['cold', 'hot']) {
        const file = join(directory, heat)
        const args = ['-sS', '--fail', '-r', range, '-w', '%{http_code}', '-o', file, url]
        const { stdout } = await run('curl', args)
        expect(stdout.toString()).toBe('206')
        expect(problemOf(await readFile(file), path, startByte, endByte)).toBeUndefined()
      }
      expect(origin.counters().requests).toBe(1)
      // What a range covers in whole segments, and no more.
      expect(origin.counters().bodyBytes).toBeLessThan(endByte - startByte + 2 * MIB)
    },
  )

  it('resumes half a file with -C -', async () => {
    const url = put('/curl-resume.bin')
    const asked = await coldAndHot('/curl-resume.bin', async (_, file) => {
      await writeFile(file, oracleBytes({ ...whole('/curl-resume.bin'), endByte: HALF_BYTES }))
      await run('curl', ['-sS', '--fail', '-C', '-', '-o', file, url])
    })
    expect(asked.counters.bodyBytes).toBe(SIZE_BYTES - Math.floor(HALF_BYTES / MIB) * MIB)
  })

  it('downloads whole over HTTP/1.0, by which nothing is chunked (RFC 9112 §6.1)', async () => {
    const url = put('/curl-1.0.bin')
    await coldAndHot('/curl-1.0.bin', async (_, file) => {
      const { stdout } = await run('curl', ['-sS', '--http1.0', '-D', '-', '-o', file, url])
      expect(stdout.toString()).not.toMatch(/transfer-encoding/i)
      expect(stdout.toString()).toMatch(new RegExp(`^content-length: ${SIZE_BYTES}\r$`, 'im'))
    })
  })

  it('is told 304 for the file it has, by date and by entity tag (RFC 9110 §13.1)', async () => {
    const url = put('/curl-304.bin', 3 * MIB)
    const directory = await testDirectory()
    const [file, etag, again] = ['got.bin', 'etag', 'again.bin'].map((name) =>
      join(directory, name),
    )
    if (file === undefined || etag === undefined || again === undefined) throw new Error('No names')
    await run('curl', ['-sS', '--fail', '-R', '--etag-save', etag, '-o', file, url])
    origin.resetCounters()
    for (const condition of [
      ['-z', file],
      ['--etag-compare', etag],
    ]) {
      const args = ['-sS', ...condition, '-w', '%{http_code} %{size_download}', '-o', again, url]
      expect((await run('curl', args)).stdout.toString()).toBe('304 0')
    }
    expect(origin.counters().requests).toBe(0)
  })

  it('is told the length of a stored response by HEAD, without the origin', async () => {
    const url = put('/curl-head.bin', 3 * MIB)
    await run('curl', ['-sS', '--fail', '-o', '/dev/null', url])
    origin.resetCounters()
    const { stdout } = await run('curl', ['-sS', '--fail', '-I', url])
    expect(stdout.toString()).toMatch(new RegExp(`^content-length: ${3 * MIB}\r$`, 'im'))
    expect(stdout.toString()).toMatch(/^accept-ranges: bytes\r$/im)
    expect(origin.counters().requests).toBe(0)
  })
})

describeWith(['wget'], 'wget through sluice', () => {
  it('downloads whole, and the second time without the origin', async () => {
    const url = put('/wget.bin')
    const asked = await coldAndHot('/wget.bin', async (_, file) => {
      await run('wget', ['-nv', '-O', file, url])
    })
    expect(asked.counters.bodyBytes).toBe(SIZE_BYTES)
  })

  it('continues half a file with -c', async () => {
    const url = put('/got.bin')
    const asked = await coldAndHot('/got.bin', async (directory, file) => {
      await writeFile(file, oracleBytes({ ...whole('/got.bin'), endByte: HALF_BYTES }))
      const { stderr } = await run('wget', ['-c', '--tries=1', url], directory)
      expect(stderr).toContain('206 Partial Content')
    })
    expect(asked.counters.bodyBytes).toBe(SIZE_BYTES - Math.floor(HALF_BYTES / MIB) * MIB)
  })

  it('has nothing to continue of a whole file, and leaves it alone', async () => {
    const url = put('/wget-whole.bin', 3 * MIB)
    const directory = await testDirectory()
    const file = join(directory, 'wget-whole.bin')
    await writeFile(file, oracleBytes({ ...whole('/wget-whole.bin'), endByte: 3 * MIB }))
    // It asks for the bytes from the end on, and takes 416 for an answer.
    const { stderr } = await run('wget', ['-c', '--tries=1', url], directory)
    expect(stderr).toContain('416 Range Not Satisfiable')
    expect(problemOf(await readFile(file), '/wget-whole.bin', 0, 3 * MIB)).toBeUndefined()
  })
})

describeWith(['aria2c'], 'aria2c through sluice', () => {
  it('downloads over eight connections, and each byte leaves the origin once', async () => {
    const url = put('/aria2.bin')
    const asked = await coldAndHot('/aria2.bin', async (directory) => {
      const args = ['-x8', '-s8', '-k1M', '--no-conf', '--file-allocation=none', '-o', 'got.bin']
      await run('aria2c', [...args, '--summary-interval=0', '-d', directory, url])
    })
    expect(asked.counters.bodyBytes).toBe(SIZE_BYTES)
    const lines = await sluice.untilAccess(8, ({ target }) => target === '/aria2.bin')
    expect(lines.filter(({ status }) => status === 206).length).toBeGreaterThanOrEqual(7)
  })
})

function whole(object: string) {
  return { object, version: 1, startByte: 0, endByte: SIZE_BYTES }
}
