import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { ask } from '../../../support/ask.ts'
import { startS3Fixture } from '../../../support/s3-fixture.ts'
import type { S3Fixture } from '../../../support/s3-fixture.ts'

let s3: S3Fixture

beforeEach(async () => {
  s3 = await startS3Fixture()
})

afterEach(async () => {
  await s3.close()
})

/** `encodeURIComponent`, as a browser or an SDK would, the slash left alone. */
function toPath(key: string): string {
  return `/${encodeURIComponent(key).replaceAll('%2F', '/')}`
}

const ODD_KEYS: readonly (readonly [target: string, key: string])[] = [
  ['/plain.txt', 'plain.txt'],
  ['/a%2Fb', 'a/b'],
  ['/a%2fb', 'a/b'],
  ['/a+b', 'a+b'],
  ['/a%2Bb', 'a+b'],
  ['/a%20b', 'a b'],
  ['/a/../b', 'a/../b'],
  ['/a/%2e%2e/b', 'a/../b'],
  ['/a/./b', 'a/./b'],
  ['/a..b', 'a..b'],
  ['/a//b', 'a//b'],
  ['//a', '/a'],
  ['/a/', 'a/'],
  ['/100%25', '100%'],
  ['/a%252e%252e/b', 'a%2e%2e/b'],
  ['/%C3%A9', '\u00e9'],
  ['/e%CC%81', 'e\u0301'],
  ['/%e2%82%ac', '€'],
  ['/~user', '~user'],
  ['/%7Euser', '~user'],
  ["/it's", "it's"],
  ['/wow!', 'wow!'],
  ['/star*', 'star*'],
  ['/(a)', '(a)'],
  ['/a|b^c{d}', 'a|b^c{d}'],
  ['/a;x=1,2&b=@:$', 'a;x=1,2&b=@:$'],
  ['/q%3Fa', 'q?a'],
  ['/h%23a', 'h#a'],
  ['/"quoted"<x>`\\', '"quoted"<x>`\\'],
]

const ODD_PIECES = [
  ...' +%~\'!*()./?&=;#|^"\\'.split(''),
  '//',
  '..',
  '%2F',
  '\u00e9',
  'e\u0301',
  '€',
  '😀',
  '\u0080',
]
const KEYS = fc
  .array(
    fc.oneof(
      fc.constantFrom(...ODD_PIECES),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((pieces) => pieces.join(''))

/** Nothing but slashes and dots, or a segment of two dots: where these are resolved, it could lead out. */
const MAY_BE_REFUSED = /^[/.]*$|(?:^|\/)\.\.(?:\/|$)/

describe('createS3Upstream, keys', () => {
  it.each(ODD_KEYS)('signs %s and means the key "%s"', async (target, key) => {
    s3.double.put('data', key, { body: `content of ${key}` })
    const got = await ask(s3.upstream(), target)
    expect([got.status, got.text]).toEqual([200, `content of ${key}`])
    expect(s3.lastRequest().signature.kind).toBe('valid')
    expect(s3.lastRequest().key.toString()).toBe(key)
  })

  it('keeps two Unicode forms of a name apart, and bytes that are no UTF-8 as they are', async () => {
    s3.double.put('data', '\u00e9', { body: 'composed' })
    expect((await ask(s3.upstream(), '/%C3%A9')).text).toBe('composed')
    expect((await ask(s3.upstream(), '/e%CC%81')).status).toBe(404)
    expect((await ask(s3.upstream(), '/%ff%FE')).status).toBe(404)
    expect(s3.lastRequest().key).toEqual(Buffer.from([0xff, 0xfe]))
  })

  it('signs random keys so that an independent verifier reads the same key', async () => {
    const origin = s3.upstream({ prefix: 'pré fix/' })
    let signedCount = 0
    await fc.assert(
      fc.asyncProperty(KEYS, async (key) => {
        const seenCount = s3.double.requests.length
        const { status } = await ask(origin, toPath(key))
        if (s3.double.requests.length === seenCount) {
          return (status === 400 || status === 404) && MAY_BE_REFUSED.test(key)
        }
        signedCount += 1
        const { signature, target, key: seenKey } = s3.lastRequest()
        // A server that signs the path as it came, without decoding it, agrees too.
        const isCanonical = /^[A-Za-z0-9\-._~/%]*$/.test(target)
        return signature.kind === 'valid' && seenKey.toString() === `pré fix/${key}` && isCanonical
      }),
      { numRuns: 700 },
    )
    expect(signedCount).toBeGreaterThan(500)
  })

  it('joins the prefix and never leaves it', async () => {
    const origin = s3.upstream({ prefix: 'public/' })
    s3.double.put('data', 'public/a', { body: 'public' })
    s3.double.put('data', 'secret', { body: 'secret' })
    expect((await ask(origin, '/a')).text).toBe('public')
    const climbs = ['/../secret', '/..%2fsecret', '/%2e%2e/secret', '/a/../../s', '/a//../../s']
    for (const target of climbs)
      expect([target, (await ask(origin, target)).status]).toEqual([target, 400])
    expect(s3.double.requests.map(({ key }) => key.toString())).toEqual(['public/a'])
  })

  it.each(['/', '//', '/%2F', '/.', '/a/..', '/?list-type=2'])(
    'answers %s, which names no key, with a 404 of its own and asks nobody',
    async (target) => {
      for (const prefix of ['', 'public/']) {
        const got = await ask(s3.upstream({ prefix }), target)
        expect([got.status, got.text]).toEqual([404, 'Not found\n'])
      }
      expect(s3.double.requests).toEqual([])
    },
  )

  it.each(['/%zz', '/a%', '/a%2', '/\u00e9', '/a b'])('refuses %s with 400', async (target) => {
    expect((await ask(s3.upstream(), target)).status).toBe(400)
    expect(s3.double.requests).toEqual([])
  })

  it('sends nothing but GET and HEAD', async () => {
    for (const method of ['PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH']) {
      const got = await ask(s3.upstream(), '/a', [], { method })
      expect([got.status, got.field('allow')]).toEqual([405, 'GET, HEAD'])
    }
    expect(s3.double.requests).toEqual([])
  })
})

describe('createS3Upstream, queries', () => {
  it.each(['list-type=2', 'policy', 'acl', 'versions', 'uploads', 'tagging', 'location'])(
    'never lets the sub-resource ?%s reach the bucket',
    async (query) => {
      s3.double.put('data', 'a', { body: 'object' })
      const got = await ask(s3.upstream(), `/a?${query}&response-content-type=text/html`)
      expect(got.text).toBe('object')
      expect(s3.lastRequest().query).toBe('')
    },
  )

  it('passes on a version id, signed, and nothing beside it', async () => {
    s3.double.put('data', 'a', { body: 'now' })
    s3.double.put('data', 'a', { body: 'old' }, 'v1')
    const old = await ask(s3.upstream(), '/a?acl&versionId=v1&X-Amz-Signature=00')
    expect([old.text, old.field('x-amz-version-id')]).toEqual(['old', 'v1'])
    expect(s3.lastRequest().query).toBe('versionId=v1')
    await ask(s3.upstream(), '/a?versionId=3/L4k=')
    expect(s3.lastRequest()).toMatchObject({ query: 'versionId=3%2FL4k%3D', status: 404 })
    expect(s3.lastRequest().signature.kind).toBe('valid')
  })

  it('refuses two version ids, and one that is not validly encoded', async () => {
    expect((await ask(s3.upstream(), '/a?versionId=1&versionId=2')).status).toBe(400)
    expect((await ask(s3.upstream(), '/a?versionId=%z')).status).toBe(400)
    expect(s3.double.requests).toEqual([])
  })
})
