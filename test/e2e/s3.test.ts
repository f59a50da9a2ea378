// A bucket of the local R2 behind the real process: signed by us, whatever the client sends.

import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { launchChromium } from '../support/chromium.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import type { FaultProxy } from '../support/fault-proxy.ts'
import { httpGet } from '../support/http-get.ts'
import { checkOracle, oracleBytes } from '../support/oracle.ts'
import { describeWith, runProgram, testDirectory } from '../support/programs.ts'
import { startR2 } from '../support/r2-endpoint.ts'
import type { R2Endpoint } from '../support/r2-endpoint.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'

const MIB = 1024 * 1024
const SIZE_BYTES = 5 * MIB + 4321
const PREFIX = 'some dir/of objects'

/** As bytes on the request line, and as what they name. */
const ODD_KEYS: readonly (readonly [target: string, key: string])[] = [
  ['/with%20space.bin', 'with space.bin'],
  ['/a+b.bin', 'a+b.bin'],
  ['/a%2Bb%26c.bin', 'a+b&c.bin'],
  ['/%C3%A9t%C3%A9/%E6%97%A5%E6%9C%AC.bin', 'été/日本.bin'],
  ['/copy%20(1).bin', 'copy (1).bin'],
  ["/it's%20%5B1%5D!*~.bin", "it's [1]!*~.bin"],
  ['/double//slash.bin', 'double//slash.bin'],
  ['/100%25.bin', '100%.bin'],
  ['/a=b;c@d:e,f$g.bin', 'a=b;c@d:e,f$g.bin'],
]

/** What a client might send that has credentials of its own. */
const THEIR_FIELDS = {
  authorization: 'AWS4-HMAC-SHA256 Credential=theirs/20260101/auto/s3/aws4_request',
  'x-amz-date': '20260101T000000Z/theirs',
  'x-amz-security-token': 'theirs',
  'x-amz-meta-theirs': 'theirs',
  'x-amz-copy-source': 'theirs',
}

let r2: R2Endpoint
/** Between us and the bucket, to see what is asked for. */
let proxy: FaultProxy
let sluice: SluiceProcess
let sent = ''

function heads(): string[] {
  return sent.split('\r\n\r\n').filter((head) => head !== '')
}

function startWith(
  secretAccessKey: string,
  site: readonly string[] = ['--origin', `s3://${r2.bucket}/${PREFIX}`],
): Promise<SluiceProcess> {
  const endpoint = r2.endpoint.replace(/:\d+/, `:${proxy.port}`)
  const flags = ['--s3-endpoint', endpoint, '--s3-region', 'auto', '--default-ttl', '1h']
  return startSluice([...flags, ...site], {
    env: { AWS_ACCESS_KEY_ID: r2.accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
  })
}

async function put(key: string, sizeBytes = SIZE_BYTES): Promise<Buffer> {
  const bytes = oracleBytes({ object: key, version: 1, startByte: 0, endByte: sizeBytes })
  await r2.put(`${PREFIX}/${key}`, bytes, 'text/x-oracle')
  return bytes
}

function problemOf(bytes: Uint8Array, key: string, startByte = 0, endByte = SIZE_BYTES) {
  return checkOracle(bytes, { object: key, version: 1, startByte, endByte })
}

beforeAll(async () => {
  r2 = await startR2()
  proxy = await startFaultProxy({
    targetPort: Number(new URL(r2.endpoint).port),
    onBytes(direction, bytes) {
      if (direction === 'request') sent += bytes.toString('latin1')
    },
  })
  sluice = await startWith(r2.secretAccessKey)
})

beforeEach(() => {
  sent = ''
})

afterAll(async () => {
  await sluice?.finish()
  await proxy?.close()
  await r2?.close()
})

describeWith(['wget'], 'downloads from a bucket by wget', () => {
  it('come whole, and are continued with -c from the cache', async () => {
    const bytes = await put('wget.bin')
    const file = join(await testDirectory(), 'wget.bin')
    for (const isBegun of [false, true]) {
      if (isBegun) await writeFile(file, bytes.subarray(0, 2 * MIB + 5))
      const ran = await runProgram('wget', ['-q', '-c', '-O', file, `${sluice.url}/wget.bin`])
      expect(ran).toMatchObject({ exitCode: 0 })
      expect(problemOf(await readFile(file), 'wget.bin')).toBeUndefined()
    }
    expect(heads()).toHaveLength(1)
  })
})

describeWith(['chromium'], 'downloads from a bucket by Chromium', () => {
  it('come whole and in ranges, byte for byte', async () => {
    const bytes = await put('page.bin')
    await using browser = await launchChromium()
    const page = await browser.newPage()
    await page.goto(`${sluice.url}/with-no-such-key`)
    for (const [range, startByte, endByte] of [
      [undefined, 0, SIZE_BYTES],
      ['bytes=1048570-3145800', 1_048_570, 3_145_801],
      ['bytes=-70000', SIZE_BYTES - 70_000, SIZE_BYTES],
    ] as const) {
      const digest = await page.evaluate(
        `fetch('/page.bin', ${JSON.stringify({ headers: range === undefined ? {} : { range } })})
          .then((response) => response.arrayBuffer())
          .then((body) => crypto.subtle?.digest('SHA-256', body) ?? Promise.reject('no digest'))
          .then((digest) => Array.from(new Uint8Array(digest)))`,
      )
      const expected = createHash('sha256').update(bytes.subarray(startByte, endByte)).digest()
      expect(digest).toEqual([...expected])
    }
  })
})

describeWith(['curl', 'aria2c'], 'downloads from a bucket', () => {
  it('come whole by curl, signed, and the second time from the cache', async () => {
    await put('curl.bin')
    const directory = await testDirectory()
    for (const name of ['cold', 'hot']) {
      const file = join(directory, name)
      const args = ['-sS', '--fail', '-o', file, `${sluice.url}/curl.bin`]
      expect(await runProgram('curl', args)).toMatchObject({ exitCode: 0, stderr: '' })
      expect(problemOf(await readFile(file), 'curl.bin')).toBeUndefined()
    }
    expect(heads()).toHaveLength(1)
    expect(heads()[0]).toMatch(/^authorization: AWS4-HMAC-SHA256 Credential=sluice-test-key\//im)
  })

  it('come in ranges of all three forms by curl, signed', async () => {
    await put('ranges.bin')
    for (const [range, startByte, endByte] of [
      ['1000000-2999999', 1_000_000, 3_000_000],
      [`${SIZE_BYTES - 100}-`, SIZE_BYTES - 100, SIZE_BYTES],
      ['-1500000', SIZE_BYTES - 1_500_000, SIZE_BYTES],
    ] as const) {
      const args = ['-sS', '--fail', '-r', range, `${sluice.url}/ranges.bin`]
      const { stdout } = await runProgram('curl', args)
      expect(problemOf(stdout, 'ranges.bin', startByte, endByte)).toBeUndefined()
    }
  })

  it('come over four connections by aria2c, cold and hot', async () => {
    await put('aria2.bin')
    for (const countsHeads of [true, false]) {
      sent = ''
      const directory = await testDirectory()
      const args = ['-x4', '-s4', '-k1M', '--no-conf', '-o', 'got.bin', '-d', directory]
      const ran = await runProgram('aria2c', [...args, `${sluice.url}/aria2.bin`])
      expect(ran).toMatchObject({ exitCode: 0 })
      expect(problemOf(await readFile(join(directory, 'got.bin')), 'aria2.bin')).toBeUndefined()
      expect(heads().length > 0).toBe(countsHeads)
    }
  })
})

describe('a key of a bucket', () => {
  it.each(ODD_KEYS)('may be written %s', async (target, key) => {
    await put(key, 1000)
    for (const status of [/fwd=uri-miss/, /; hit/]) {
      const got = await httpGet(sluice.url, { target })
      expect(got).toMatchObject({ status: 200, complete: true })
      expect(problemOf(got.body, key, 0, 1000)).toBeUndefined()
      expect(got.header('content-type')).toBe('text/x-oracle')
      expect(got.header('cache-status')).toMatch(status)
    }
  })

  it('that is missing is told as 404, in our own words', async () => {
    const got = await httpGet(`${sluice.url}/missing.bin`)
    expect(got.status).toBe(404)
    expect(got.body.toString()).not.toMatch(/NoSuchKey|sluice-test|some dir/)
  })

  it('that is empty is refused, and no list is ever asked for', async () => {
    await put('listed.bin', 10)
    for (const target of ['/', '/?list-type=2', '/?list-type=2&prefix=', '/?versions', '/?acl']) {
      const got = await httpGet(sluice.url, { target })
      expect({ target, status: got.status }).toEqual({ target, status: 404 })
      expect(got.body.toString()).not.toMatch(/ListBucketResult|listed\.bin/)
    }
    expect(heads()).toEqual([])
  })

  it('is got, whatever the query of its URL would mean to S3', async () => {
    const bytes = await put('queried.bin', 10)
    for (const query of ['list-type=2', 'acl', 'uploads', 'X-Amz-Signature=0&X-Amz-Expires=1']) {
      const got = await httpGet(`${sluice.url}/queried.bin?${query}`)
      expect({ query, status: got.status }).toEqual({ query, status: 200 })
      expect(got.body).toEqual(bytes)
    }
    expect(heads().join('\n')).not.toMatch(/list-type|acl|uploads|X-Amz-Signature=0/)
  })
})

describe('credentials', () => {
  it.each([
    ['by default', []],
    ['even where the site lists their fields', Object.keys(THEIR_FIELDS)],
  ])('of the client never reach the bucket, %s', async (when, forwardFields) => {
    const path = `/private-${when.replaceAll(' ', '-')}.bin`
    const bytes = await put(path.slice(1), 1000)
    const config = join(await testDirectory(), 'config.json')
    const origins = [`s3://${r2.bucket}/${PREFIX}`]
    await writeFile(config, JSON.stringify({ sites: [{ name: 'bucket', origins, forwardFields }] }))
    const configured = await startWith(r2.secretAccessKey, ['--config', config])
    const got = await httpGet(`${configured.url}${path}?X-Amz-Credential=theirs`, {
      headers: THEIR_FIELDS,
    })
    await configured.finish()
    expect(got.status).toBe(200)
    expect(got.body).toEqual(bytes)
    expect(heads()).toHaveLength(1)
    expect(sent).not.toContain('theirs')
  })

  it('that are wrong are our own trouble: 502, nothing told and nothing stored', async () => {
    await put('wrong.bin', 1000)
    const wrong = await startWith('not the secret')
    for (const _ of ['first', 'again']) {
      sent = ''
      const got = await httpGet(`${wrong.url}/wrong.bin`)
      expect(got.status).toBe(502)
      expect(got.body.toString()).not.toMatch(/Signature|sluice-test-key|not the secret/)
      expect(heads()).not.toEqual([])
    }
    expect(wrong.lines.join('\n')).not.toContain('not the secret')
    await wrong.finish()
  })
})
