// What a stored head knows of the digest of its body, from whichever response said it.

import { createHash } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { cacheKeyOf } from '#core/entry/cache-key.ts'
import { createAnsweringOrigin, partOrWhole } from '../support/answering-origin.ts'
import type { Edge } from '../support/edge.ts'
import { SEGMENT_BYTES, createEdge } from '../support/edge.ts'

const BODY = Uint8Array.from({ length: 3 * SEGMENT_BYTES }, (_, i) => i % 251)
const SHA_256 = createHash('sha256').update(BODY).digest()
const EXPECTED = [{ algorithm: 'sha-256', hex: SHA_256.toString('hex') }]
const KEY = cacheKeyOf('test', '', '/a')
const REPR = { 'repr-digest': `sha-256=:${SHA_256.toString('base64')}:` }
const MD5 = { 'content-md5': createHash('md5').update(BODY).digest('base64') }
const CRC = { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-type': 'FULL_OBJECT' }

type Answering = Parameters<typeof createAnsweringOrigin>[0]

function edgeOf(fieldsFor: (request: Parameters<Answering>[0]) => Record<string, string>): Edge {
  const origin = createAnsweringOrigin((request) =>
    partOrWhole(request, BODY, {
      'cache-control': 'max-age=60',
      etag: '"a"',
      ...fieldsFor(request),
    }),
  )
  return createEdge({ wrap: origin.wrap })
}

async function digestsOf(edge: Edge): Promise<unknown> {
  const entry = await edge.store.read(KEY)
  return entry?.variants[0]?.head.digests
}

describe('a stored head', () => {
  it('has the digests that came with the whole', async () => {
    const edge = edgeOf(() => ({ ...REPR, ...MD5 }))
    await edge.get('/a')
    expect(await digestsOf(edge)).toMatchObject([...EXPECTED, { algorithm: 'md5' }])
  })

  it('has of those that came with a part only what is said of the whole (RFC 9530 §3)', async () => {
    const edge = edgeOf(() => ({ ...REPR, ...MD5, ...CRC }))
    await edge.get('/a', { range: 'bytes=0-9' })
    expect(await digestsOf(edge)).toEqual(EXPECTED)
    await edge.get('/a')
    expect(await digestsOf(edge)).toEqual(EXPECTED)
  })

  it('has none where nothing is said', async () => {
    const edge = edgeOf(() => ({}))
    await edge.get('/a')
    expect(await digestsOf(edge)).toBeUndefined()
  })

  it('keeps them, and that it was verified, when it is freshened', async () => {
    const origin = createAnsweringOrigin((request) => {
      const fields = { 'cache-control': 'max-age=60', etag: '"a"' }
      if (request.header('if-none-match') !== undefined) return { status: 304, fields }
      return partOrWhole(request, BODY, { ...fields, ...REPR })
    })
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    const entry = await edge.store.read(KEY)
    for (const { head } of entry?.variants ?? []) {
      await edge.store.writeHead(edge.store.ticket(KEY), { ...head, verified: 'sha-256' })
    }
    await edge.clock.step(61_000)
    const { cache } = await edge.get('/a')
    expect(cache).toContain('fwd-status=304')
    const [freshened] = (await edge.store.read(KEY))?.variants ?? []
    expect(freshened?.head).toMatchObject({ digests: EXPECTED, verified: 'sha-256' })
    expect(freshened?.head.validatedAtMs).toBe(edge.clock.nowMs())
  })

  it('learns them later, from another part or from the answer to HEAD', async () => {
    const fromPart = edgeOf(({ header }) => (header('range')?.startsWith('bytes=0-') ? {} : REPR))
    await fromPart.get('/a', { range: 'bytes=0-9' })
    expect(await digestsOf(fromPart)).toBeUndefined()
    await fromPart.get('/a', { range: `bytes=${2 * SEGMENT_BYTES}-` })
    expect(await digestsOf(fromPart)).toEqual(EXPECTED)

    const fromHead = edgeOf(({ method }) => (method === 'HEAD' ? { ...REPR, 'x-new': '1' } : {}))
    await fromHead.get('/a', { range: 'bytes=0-9' })
    await fromHead.clock.step(61_000)
    await fromHead.get('/a', {}, 'HEAD')
    expect(await digestsOf(fromHead)).toEqual(EXPECTED)
  })
})
