// A plain nginx behind the real process: whatever it serves comes through byte for byte.

import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { httpGet } from '../support/http-get.ts'
import type { HttpResult } from '../support/http-get.ts'
import type { Nginx, NginxRequest } from '../support/nginx.ts'
import { startNginx } from '../support/nginx.ts'
import { oracleBytes } from '../support/oracle.ts'
import { describeWith } from '../support/programs.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'

const SEGMENT_BYTES = 64 * 1024
const SIZES = [
  0,
  1,
  SEGMENT_BYTES - 1,
  SEGMENT_BYTES,
  SEGMENT_BYTES + 1,
  3 * SEGMENT_BYTES,
  5 * SEGMENT_BYTES + 777,
]
/** Compresses well, and is long enough to be worth it. */
const TEXT = 'The quick brown fox jumps over the lazy dog.\n'.repeat(5000)

/** nginx compresses nothing for a proxy, which it knows by Via, unless it is told to. */
const LOCATIONS = `
    gzip_proxied any;
    gzip_vary on;
    location /fresh/ { expires 1h; }
    location /plain/ { etag on; }
    location /gzip/ { expires 1h; gzip on; gzip_types text/plain; }
    location /gzip-static/ { expires 1h; gzip_static on; }
`

let nginx: Nginx
let sluice: SluiceProcess

/** The directory and its file, as bytes made by the oracle under the path. */
async function put(path: string, sizeBytes: number): Promise<Buffer> {
  const bytes = oracleBytes({ object: path, version: 1, startByte: 0, endByte: sizeBytes })
  await nginx.put(path, bytes)
  return bytes
}

function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpResult> {
  return httpGet(`${sluice.url}${path}`, { headers })
}

function cacheOf(got: HttpResult): string {
  return got.header('cache-status') ?? ''
}

/** Digests, because a difference of a megabyte is no message to read. */
function digest(bytes: Uint8Array): string {
  return `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex')}`
}

async function asked(path: string, count: number): Promise<readonly NginxRequest[]> {
  const find = async () => (await nginx.requests()).filter(({ target }) => target === path)
  await expect.poll(async () => (await find()).length).toBeGreaterThanOrEqual(count)
  return find()
}

describeWith(['nginx'], 'sluice in front of nginx', () => {
  beforeAll(async () => {
    nginx = await startNginx(LOCATIONS)
    sluice = await startSluice(['--origin', nginx.url, '--segment', `${SEGMENT_BYTES}`])
  })

  afterAll(async () => {
    await sluice?.finish()
    await nginx?.close()
  })

  describe.each(SIZES)('a file of %i bytes', (sizeBytes) => {
    it('comes whole, cold and hot, and leaves nginx once', async () => {
      const path = `/fresh/whole-${sizeBytes}`
      const bytes = await put(path, sizeBytes)
      for (const heat of ['cold', 'hot']) {
        const got = await get(path)
        expect(got.status).toBe(200)
        expect(got.complete).toBe(true)
        expect(got.header('content-length')).toBe(`${sizeBytes}`)
        expect(digest(got.body)).toBe(digest(bytes))
        expect(cacheOf(got)).toMatch(heat === 'hot' ? /; hit/ : /fwd=uri-miss/)
      }
      expect(await asked(path, 1)).toHaveLength(1)
    })

    it.each(rangesOf(sizeBytes))('comes in the range %s, cold and hot', async (range) => {
      const path = `/fresh/range-${sizeBytes}-${range.replace('=', '')}`
      const bytes = await put(path, sizeBytes)
      const [startByte, endByte] = resolveRange(range, sizeBytes)
      for (const heat of ['cold', 'hot']) {
        const got = await get(path, { range })
        expect({ heat, status: got.status }).toEqual({ heat, status: 206 })
        expect(got.complete).toBe(true)
        expect(got.header('content-range')).toBe(`bytes ${startByte}-${endByte - 1}/${sizeBytes}`)
        expect(digest(got.body)).toBe(digest(bytes.subarray(startByte, endByte)))
      }
      // The bytes asked for are sent before the rest of their segment has come.
      await expect.poll(async () => cacheOf(await get(path, { range }))).toMatch(/; hit/)
    })

    it('has no byte from its end on (RFC 9110 §15.5.17)', async () => {
      const path = `/fresh/beyond-${sizeBytes}`
      await put(path, sizeBytes)
      for (const heat of ['cold', 'hot']) {
        const got = await get(path, { range: `bytes=${sizeBytes}-` })
        expect({ heat, status: got.status }).toEqual({ heat, status: 416 })
        expect(got.header('content-range')).toBe(`bytes */${sizeBytes}`)
        // What fills it in between.
        expect((await get(path)).bodyBytes).toBe(sizeBytes)
      }
    })
  })

  it('answers a conditional request from what it stored (RFC 9110 §13.1.2)', async () => {
    await put('/fresh/conditional', 1000)
    const first = await get('/fresh/conditional')
    const etag = first.header('etag') ?? ''
    const date = first.header('last-modified') ?? ''
    expect(etag).toMatch(/^"/)
    for (const condition of [{ 'if-none-match': etag }, { 'if-modified-since': date }]) {
      const got = await get('/fresh/conditional', condition)
      expect(got.status).toBe(304)
      expect(got.bodyBytes).toBe(0)
      expect(got.header('etag')).toBe(etag)
    }
    const other = await get('/fresh/conditional', { 'if-none-match': '"other"' })
    expect(other.status).toBe(200)
    expect(await asked('/fresh/conditional', 1)).toHaveLength(1)
    // If-Match is the origin server's to judge (RFC 9111 §4.3.2).
    expect((await get('/fresh/conditional', { 'if-match': '"other"' })).status).toBe(412)
  })

  it('validates what has no freshness, and its bytes do not travel again (RFC 9111 §4.3)', async () => {
    const bytes = await put('/plain/file', 3 * SEGMENT_BYTES)
    await get('/plain/file')
    for (const range of [undefined, 'bytes=70000-70009']) {
      const got = await get('/plain/file', range === undefined ? {} : { range })
      const end = range === undefined ? bytes : bytes.subarray(70_000, 70_010)
      expect(digest(got.body)).toBe(digest(end))
      expect(cacheOf(got)).toMatch(/fwd=stale; fwd-status=304/)
    }
    const requests = await asked('/plain/file', 3)
    expect(requests.map(({ status }) => status)).toEqual([200, 304, 304])
    expect(requests.map(({ bodyBytes }) => bodyBytes)).toEqual([bytes.length, 0, 0])
  })

  it('serves the new version once the file has changed, whole and in ranges', async () => {
    await put('/plain/changing', 3 * SEGMENT_BYTES)
    await get('/plain/changing')
    // Another length: nginx's entity tag is made of that and of the time in seconds.
    const bytes = Buffer.alloc(4 * SEGMENT_BYTES, 'new version ')
    await nginx.put('/plain/changing', bytes)
    const part = await get('/plain/changing', { range: 'bytes=100000-200000' })
    expect(part.status).toBe(206)
    expect(part.header('content-range')).toBe(`bytes 100000-200000/${bytes.length}`)
    expect(digest(part.body)).toBe(digest(bytes.subarray(100_000, 200_001)))
    expect(digest((await get('/plain/changing')).body)).toBe(digest(bytes))
  })

  it('keeps what nginx compressed apart from what it did not (RFC 9111 §4.1)', async () => {
    await nginx.put('/gzip/text.txt', TEXT)
    await expectCodingsApart('/gzip/text.txt', TEXT)
    expect(await asked('/gzip/text.txt', 2)).toHaveLength(2)
  })

  it('keeps a file compressed beforehand apart, and serves ranges of each coding', async () => {
    const compressed = gzipSync(TEXT)
    await nginx.put('/gzip-static/text.txt', TEXT)
    await nginx.put('/gzip-static/text.txt.gz', compressed)
    await expectCodingsApart('/gzip-static/text.txt', TEXT)
    const range = 'bytes=100-199'
    const coded = await get('/gzip-static/text.txt', { range, 'accept-encoding': 'gzip' })
    expect(coded.status).toBe(206)
    expect(coded.header('content-encoding')).toBe('gzip')
    expect(digest(coded.body)).toBe(digest(compressed.subarray(100, 200)))
    const plain = await get('/gzip-static/text.txt', { range })
    expect(plain.header('content-encoding')).toBeUndefined()
    expect(plain.body.toString()).toBe(TEXT.slice(100, 200))
    expect(await asked('/gzip-static/text.txt', 2)).toHaveLength(2)
  })

  it('relays a 404 with its content, and asks again when the file has come', async () => {
    const got = await get('/plain/nothing')
    expect(got.status).toBe(404)
    expect(got.body.toString()).toContain('404 Not Found')
    const part = await get('/plain/nothing', { range: 'bytes=0-9' })
    expect(part.status).toBe(404)
    const bytes = await put('/plain/nothing', 10)
    expect(digest((await get('/plain/nothing')).body)).toBe(digest(bytes))
  })

  it('relays a redirection to a directory as it is', async () => {
    await put('/fresh/directory/file', 1)
    const got = await get('/fresh/directory')
    expect(got.status).toBe(301)
    expect(got.header('location')).toMatch(/\/fresh\/directory\/$/)
  })
})

/** Twice, so that what is stored is told apart as well as what is fetched. */
async function expectCodingsApart(path: string, text: string): Promise<void> {
  for (const cache of [/fwd=/, /; hit/]) {
    const coded = await get(path, { 'accept-encoding': 'gzip, deflate' })
    expect(coded.header('content-encoding')).toBe('gzip')
    expect(gunzipSync(coded.body).toString() === text).toBe(true)
    const plain = await get(path)
    expect(plain.header('content-encoding')).toBeUndefined()
    expect(plain.body.toString() === text).toBe(true)
    for (const got of [coded, plain]) {
      expect(got.header('vary')).toMatch(/accept-encoding/i)
      expect(cacheOf(got)).toMatch(cache)
    }
  }
}

/** Those that a file of the size can satisfy. */
function rangesOf(sizeBytes: number): string[] {
  const ends = [0, SEGMENT_BYTES - 1, SEGMENT_BYTES, sizeBytes - 1]
  const positions = [...new Set(ends.filter((at) => at >= 0 && at < sizeBytes))]
  const pairs = positions.flatMap((first) =>
    positions.filter((last) => last >= first).map((last) => `bytes=${first}-${last}`),
  )
  const open = positions.map((first) => `bytes=${first}-`)
  const suffixes = sizeBytes === 0 ? [] : [1, SEGMENT_BYTES, 10 * SEGMENT_BYTES]
  return [...pairs, ...open, ...suffixes.map((count) => `bytes=-${count}`)]
}

/** Half-open. */
function resolveRange(range: string, sizeBytes: number): [startByte: number, endByte: number] {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? []
  if (first === '') return [Math.max(0, sizeBytes - Number(last)), sizeBytes]
  return [Number(first), last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1)]
}
