// What one request may leave behind for the next: errors, fields of one connection, timings (T-36, T-42, T-43).

import { describe, expect, it } from 'vitest'

import { SHARED, withPolicies } from '../support/attacked.ts'
import type { Answered, Attacked } from '../support/attacked.ts'
import { concurrently } from '../support/concurrently.ts'
import { rawRequest } from '../support/raw-client.ts'
import { wire, wireHead } from '../support/raw-origin.ts'
import type { WireRequest } from '../support/raw-origin.ts'

const POLICIES = ['careful', 'rfc'] as const
let pathCount = 0

function configOf(originUrl: string): object {
  const origins = [originUrl]
  const site = (name: string) => ({ name, hosts: [`${name}.test`], origins })
  return {
    sites: [
      { ...site('listed'), forward: 'listed' },
      { ...site('all'), forward: 'all' },
      { ...site('quiet'), response: [{ drop: ['x-cache', 'x-served-by'] }] },
    ],
  }
}

const under = withPolicies(POLICIES, configOf)

/** What makes an origin refuse, or a server before it. */
const ATTACKS: readonly (readonly [name: string, ...lines: string[]])[] = [
  ['a field of 8191 bytes', `X-Oversized: ${'x'.repeat(8191 - 11)}`],
  ['a field of 8193 bytes', `X-Oversized: ${'x'.repeat(8193 - 11)}`],
  [
    'a head of 17 KiB',
    `X-1: ${'x'.repeat(8000)}`,
    `X-2: ${'x'.repeat(8000)}`,
    `X-3: ${'x'.repeat(1000)}`,
  ],
  ['99 fields', ...Array.from({ length: 97 }, (_, i) => `X-${i}: y`)],
  ['a long User-Agent', `User-Agent: ${'x'.repeat(8000)}`],
  ['a long Cookie', `Cookie: a=${'x'.repeat(8000)}`],
  ['a long Accept-Language', `Accept-Language: ${'x'.repeat(8000)}`],
  ['BEL', 'X: a\x07b'],
  ['NUL', 'X: a\0b'],
  ['obs-text', 'X: \xe9', 'User-Agent: \xe9'],
  ['an overridden method', 'X-HTTP-Method-Override: DELETE'],
  ['another overridden method', 'X-HTTP-Method: POST', 'X-Method-Override: PUT'],
  ['an overridden path', 'X-Original-URL: /missing', 'X-Rewrite-URL: /missing'],
  ['an overridden host', 'X-Forwarded-Host: evil', 'X-Host: evil', 'Forwarded: host=evil'],
  ['a scheme to be left', 'X-Forwarded-Proto: http', 'X-Forwarded-Scheme: nothttps'],
  ['cats', 'Range: bytes=cats'],
  ['a range beyond the end', 'Range: bytes=1000000-'],
  ['a range of another unit', 'Range: cats=1-2'],
  ['too many ranges', `Range: bytes=${'0-0,'.repeat(250)}0-0`],
  ['If-Match of nothing', 'If-Match: "nope"'],
  ['If-None-Match of all', 'If-None-Match: *'],
  ['If-None-Match of nothing legal', 'If-None-Match: nope'],
  ['If-Unmodified-Since of long ago', 'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT'],
  ['If-Modified-Since of never', 'If-Modified-Since: never'],
  ['If-Range of nothing', 'If-Range: "nope"', 'Range: bytes=0-0'],
  ['an expectation', 'Expect: foo'],
  ['100-continue', 'Expect: 100-continue'],
  ['another protocol', 'Connection: upgrade', 'Upgrade: foo'],
  ['codings of transfer', 'TE: cats'],
  ['a trailer', 'Trailer: cats'],
  ['a coding nobody knows', 'Accept-Encoding: cats'],
  ['no coding at all', 'Accept-Encoding: identity;q=0, *;q=0'],
  ['nothing acceptable', 'Accept: cats/cats;q=1.5'],
  ['no hop to go', 'Max-Forwards: 0'],
  ['wrong credentials', 'Authorization: Basic cats'],
  ['wrong credentials for a proxy', 'Proxy-Authorization: Basic cats'],
  ['a content type', 'Content-Type: cats'],
  ['a signature', 'X-Amz-Date: cats', 'X-Amz-Content-Sha256: cats'],
  ['another origin', 'Origin: null'],
  ['a referrer', 'Referer: https://evil.test/%00'],
  ['a loop', 'CDN-Loop: sluice'],
  ['a broken loop', 'CDN-Loop: "'],
  ['no store', 'Cache-Control: no-store'],
  ['only what is stored', 'Cache-Control: only-if-cached'],
  ['two hosts', 'Host: b'],
  ['a body', 'Content-Length: 5'],
  ['a body in chunks', 'Transfer-Encoding: chunked'],
]

/** Those of them that never reach an origin. */
const REFUSED = [
  'a field of 8193 bytes',
  'a head of 17 KiB',
  'BEL',
  'NUL',
  'an expectation',
  'a loop',
  'two hosts',
  'a body',
  'a body in chunks',
]

const PLAIN_LINES = /^(?:host|accept-encoding|via|cdn-loop|connection|traceparent):/i

/** An origin that serves who asks plainly, and refuses anything else with an error for everybody. */
function touchy(status: number, lines: readonly string[], isTouchy: { is: boolean }) {
  return (request: WireRequest) => {
    const isPlain =
      request.lines.every((line) => PLAIN_LINES.test(line)) &&
      /^(?:identity|gzip|br|zstd)$/.test(request.header('accept-encoding') ?? '')
    return isPlain && !isTouchy.is ? wire(200, [SHARED], 'right') : wire(status, lines, 'poison')
  }
}

async function poisonedBy(
  attacked: Attacked,
  site: string,
  answer: { readonly status: number; readonly lines: readonly string[]; readonly always?: boolean },
): Promise<readonly string[]> {
  const isTouchy = { is: answer.always === true }
  const poisoned: string[] = []
  attacked.origin.answer(touchy(answer.status, answer.lines, isTouchy))
  const targets = ATTACKS.map(([name, ...lines]) => ({
    name,
    lines,
    target: `/poison-${++pathCount}`,
  }))
  await concurrently(targets, 8, async ({ lines, target }) => {
    const bytes = [`GET ${target} HTTP/1.1`, `Host: ${site}.test`, ...lines, '', ''].join('\r\n')
    await rawRequest({ port: attacked.sluice.port, bytes, timeoutMs: 2000 })
  })
  isTouchy.is = false
  await concurrently(targets, 8, async ({ name, target }) => {
    const { status, text } = await attacked.get(target, { headers: { Host: `${site}.test` } })
    if (status !== 200 || text !== 'right') poisoned.push(`${name}: ${status} ${text}`)
  })
  return poisoned
}

const ERRORS = [400, 401, 403, 405, 406, 408, 413, 414, 415, 417, 421, 426, 429, 431, 500, 501, 503]

describe('an error that a request has brought about (T-36)', () => {
  it.each([
    ...ERRORS.map((status) => [status, 'all'] as const),
    ...[400, 412, 416, 503].map((status) => [status, 'listed'] as const),
  ])(
    'is never stored under careful, however long the origin wants it to be: %i, %s',
    async (status, site) => {
      const lines = [SHARED, 'ETag: "poison"', 'Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT']
      expect(await poisonedBy(under('careful'), site, { status, lines })).toEqual([])
    },
  )

  it.each([400, 403, 406, 413, 500, 503])(
    'is never stored under rfc unless the origin says for how long: %i',
    async (status) => {
      const lines = ['ETag: "poison"', 'Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT']
      expect(await poisonedBy(under('rfc'), 'all', { status, lines })).toEqual([])
    },
  )

  it.each([412, 416, 428, 429, 431, 511])(
    'is never stored under rfc where it speaks of one request alone: %i (RFC 6585 §3 to §6)',
    async (status) => {
      expect(await poisonedBy(under('rfc'), 'all', { status, lines: [SHARED] })).toEqual([])
    },
  )

  it.each([404, 410])('is stored for ten seconds at most if it is %i', async (status) => {
    const attacked = under('careful')
    attacked.origin.answer(() => wire(status, ['Cache-Control: max-age=31536000'], 'gone'))
    const path = `/gone-${status}`
    const headers = { Host: 'listed.test' }
    await attacked.get(path, { headers })
    const { status: again, header } = await attacked.get(path, { headers })
    expect([again, Number(/hit; ttl=(\d+)/.exec(header('cache-status') ?? '')?.[1])]).toEqual([
      status,
      expect.toSatisfy((ttl: number) => ttl >= 8 && ttl <= 10),
    ])
  })

  it('is ours where we would not send the request on, and leaves nothing behind', async () => {
    const attacked = under('careful')
    const lines = [SHARED]
    const poisoned = await poisonedBy(attacked, 'all', { status: 200, lines })
    const names = ATTACKS.map(([name]) => name).filter(
      (name) => !poisoned.some((found) => found.startsWith(`${name}:`)),
    )
    expect(names).toEqual(expect.arrayContaining([...REFUSED]))
  })
})

describe('fields of one connection or one answer (T-42, RFC 9111 §3.1)', () => {
  const OWN = [
    'Connection: close, X-Secret, X-Other',
    'X-Secret: secret',
    'x-other: secret',
    'Keep-Alive: timeout=5, secret',
    'Proxy-Connection: secret',
    'Proxy-Authenticate: secret',
    'Proxy-Authentication-Info: secret',
    'TE: secret',
    'Upgrade: secret',
    'HTTP2-Settings: secret',
    'X-Kept: kept',
  ]

  it.each(POLICIES)('are neither stored nor passed on, under %s', async (policy) => {
    const attacked = under(policy)
    const date = new Date(Date.now() - 5000).toUTCString()
    attacked.origin.answer(({ target }) =>
      target.endsWith('chunked')
        ? Buffer.concat([
            wireHead(200, [SHARED, ...OWN, 'Transfer-Encoding: chunked', 'Trailer: X-Trailer']),
            Buffer.from('2\r\nok\r\n0\r\nX-Trailer: secret\r\nCache-Control: no-store\r\n\r\n'),
          ])
        : wire(200, [SHARED, ...OWN, 'Age: 7', `Date: ${date}`], 'ok'),
    )
    for (const path of ['/connection', '/connection-chunked']) {
      for (const isHit of [false, true, true]) {
        const result = await attacked.get(path, { headers: { Host: 'listed.test' } })
        expect(result).toMatchObject({ status: 200, text: 'ok', isHit, trailers: [] })
        expect(JSON.stringify(result.headers)).not.toMatch(/secret|proxy-|upgrade|trailer/i)
        expect(result.header('x-kept')).toBe('kept')
      }
    }
    const stored = await attacked.get('/connection', { headers: { Host: 'listed.test' } })
    expect(stored.header('date')).toBe(date)
    expect(Number(stored.header('age'))).toBeGreaterThanOrEqual(7)
    expect(stored.headers.filter(([name]) => /^(?:age|date)$/i.test(name))).toHaveLength(2)
  })

  it('are not laid over what is stored by a 304', async () => {
    const attacked = under('careful')
    attacked.origin.answer((request) =>
      request.header('if-none-match') === undefined
        ? wire(200, ['Cache-Control: max-age=0', 'ETag: "e"', 'X-Kept: kept'], 'ok')
        : wireHead(304, [...OWN, SHARED, 'ETag: "e"', 'Content-Length: 99', 'Age: 3']),
    )
    const headers = { Host: 'listed.test' }
    for (let i = 0; i < 4; i += 1) {
      const result = await attacked.get('/freshened', { headers })
      expect(result).toMatchObject({ status: 200, text: 'ok', complete: true })
      expect(JSON.stringify(result.headers)).not.toMatch(/secret/)
    }
  })
})

describe('what a reader can tell of others (T-43)', () => {
  it('is nothing of another site of the same origin', async () => {
    const attacked = under('careful')
    attacked.origin.answer(() => wire(200, [SHARED, 'ETag: "e"'], 'ok'))
    const seen: Answered[] = []
    for (const host of ['listed.test', 'all.test', 'quiet.test']) {
      seen.push(await attacked.get('/oracle', { headers: { Host: host } }))
    }
    expect(seen.map(({ isHit, header }) => [isHit, header('age')])).toEqual(
      seen.map(() => [false, undefined]),
    )
  })
})
