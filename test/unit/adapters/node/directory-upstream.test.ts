import { chmod, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createDirectoryUpstream } from '../../../../src/adapters/node/directory-upstream.ts'
import type { Fields } from '#core/entry/fields.ts'
import { formatHttpDate } from '#core/http/http-date.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'
import { ask, failureOf } from '../../../support/ask.ts'
import { createTestScope } from '../../../support/scopes.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'
import type { SteppedClock } from '../../../support/stepped-clock.ts'
import { itWhere } from '../../../support/where.ts'

/** Half past, so that whole seconds and finer times differ. */
const MODIFIED_AT_MS = Date.UTC(2024, 5, 1, 12, 0, 0, 500)

let base: string
let root: string
let clock: SteppedClock
let origin: Upstream

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'sluice-directory-'))
  root = join(base, 'root')
  await mkdir(root)
  clock = createSteppedClock()
  origin = createDirectoryUpstream({ directory: root, clock })
})

afterEach(async () => {
  await rm(base, { recursive: true })
})

async function put(
  path: string,
  content: string | Uint8Array,
  atMs = MODIFIED_AT_MS,
): Promise<void> {
  const file = join(root, path)
  await mkdir(join(file, '..'), { recursive: true })
  await writeFile(file, content)
  await utimes(file, atMs / 1000, atMs / 1000)
}

describe('createDirectoryUpstream, paths', () => {
  it('serves a file, whatever its name is made of', async () => {
    const names = [
      'plain.txt',
      'a b',
      'a+b',
      '100%',
      'é',
      '€/😀',
      '#?',
      '..a',
      'a..',
      '.hidden',
      '~',
    ]
    for (const name of names) {
      await put(name, `content of ${name}`)
      const path = encodeURIComponent(name).replaceAll('%2F', '/')
      const got = await ask(origin, `/${path}?query=ignored`)
      expect([got.status, got.text]).toEqual([200, `content of ${name}`])
    }
  })

  it('serves nothing outside of its directory', async () => {
    await writeFile(join(base, 'secret'), 'secret')
    await put('a/b', 'inside')
    const targets = [
      '/../secret',
      '/a/../../secret',
      '/%2e%2e/secret',
      '/.%2e/secret',
      '/..%2fsecret',
    ]
    const more = ['/..%5csecret', '/..\\secret', '/a%2f..%2f..%2fsecret', '/./a/b', '/a/./b', '/..']
    for (const target of [...targets, ...more]) {
      expect([target, (await ask(origin, target)).status]).toEqual([target, 400])
    }
    for (const target of ['/%2e%2e%00', '/a%00', '/%ff', '/%zz', '/%', '/é', '/a b', 'a/b']) {
      expect([target, (await ask(origin, target)).status]).toEqual([target, 400])
    }
    for (const target of ['//a/b', '/a//b', '/a/b/', '/a/b/c', '/%252e%252e/secret', '/...']) {
      expect([target, (await ask(origin, target)).status]).toEqual([target, 404])
    }
  })

  it('finds no bytes of a file outside by any path at all', async () => {
    await writeFile(join(base, 'secret'), 'secret')
    await put('d/f', 'inside')
    const piece = fc.constantFrom(
      '..',
      '.',
      '/',
      '//',
      '%2e',
      '%2E',
      '%2f',
      '%5c',
      '\\',
      'd',
      'secret',
    )
    const path = fc.array(piece, { minLength: 1, maxLength: 10 })
    const texts = new Set<string>()
    await fc.assert(
      fc.asyncProperty(path, async (pieces) => {
        texts.add((await ask(origin, `/${pieces.join('')}`)).text)
      }),
      { numRuns: 1000 },
    )
    expect([...texts].toSorted()).toEqual(['Bad request\n', 'Not found\n'])
  })

  it('follows links that stay inside, and no others', async () => {
    await writeFile(join(base, 'secret'), 'secret')
    await mkdir(join(base, 'root-two'))
    await writeFile(join(base, 'root-two', 'f'), 'of a neighbour')
    await put('real/f', 'inside')
    await symlink('real', join(root, 'inner'))
    await symlink('../secret', join(root, 'outer'))
    await symlink(base, join(root, 'up'))
    await symlink('../root-two', join(root, 'neighbour'))
    await symlink('loop', join(root, 'loop'))
    expect((await ask(origin, '/inner/f')).text).toBe('inside')
    for (const target of ['/outer', '/up/secret', '/neighbour/f', '/loop', '/up/root/real/f']) {
      const { status } = await ask(origin, target)
      expect([target, status]).toEqual([target, target === '/up/root/real/f' ? 200 : 404])
    }
  })

  it('follows a directory that is a link itself, also after it was swapped', async () => {
    await put('f', 'one')
    await mkdir(join(base, 'two'))
    await writeFile(join(base, 'two', 'f'), 'two')
    await symlink('root', join(base, 'current'))
    const linked = createDirectoryUpstream({ directory: join(base, 'current'), clock })
    expect((await ask(linked, '/f')).text).toBe('one')
    await symlink('two', join(base, 'next'))
    await rename(join(base, 'next'), join(base, 'current'))
    expect((await ask(linked, '/f')).text).toBe('two')
  })

  it('serves the index of a directory, and sends to it from the path without slash', async () => {
    await put('index.html', 'root')
    await put('docs/index.html', 'docs')
    await put('empty/file', '')
    expect((await ask(origin, '/')).text).toBe('root')
    const index = await ask(origin, '/docs/')
    expect([index.text, index.field('content-type')]).toEqual(['docs', 'text/html; charset=utf-8'])
    const moved = await ask(origin, '/docs?a=b')
    expect([moved.status, moved.field('location')]).toEqual([301, '/docs/?a=b'])
    for (const target of ['/empty', '/empty/', '/none/', '//docs']) {
      expect([target, (await ask(origin, target)).status]).toEqual([target, 404])
    }
  })

  it('takes only GET and HEAD', async () => {
    await put('f', 'content')
    const got = await ask(origin, '/f', [], { method: 'DELETE' })
    expect([got.status, got.field('allow')]).toEqual([405, 'GET, HEAD'])
    const head = await ask(origin, '/f', ['range', 'bytes=0-1'], { method: 'HEAD' })
    expect([head.status, head.text, head.field('content-length')]).toEqual([200, '', '7'])
  })
})

describe('createDirectoryUpstream, fields', () => {
  it('tells the length, the type, the time and a strong tag', async () => {
    await put('page.HTML', '12345')
    const got = await ask(origin, '/page.HTML')
    expect(got.field('content-length')).toBe('5')
    expect(got.field('content-type')).toBe('text/html; charset=utf-8')
    expect(got.field('last-modified')).toBe('Sat, 01 Jun 2024 12:00:00 GMT')
    expect(got.field('date')).toBe(formatHttpDate(clock.nowMs()))
    expect(got.field('accept-ranges')).toBe('bytes')
    expect(got.field('etag')).toMatch(/^"[0-9a-z]+-5-[0-9a-z]+"$/)
    expect(got.response.from).toEqual({ kind: 'origin', address: `file://${root}` })
    expect(got.response.isDelimited).toBe(true)
    expect(await got.response.settled).toEqual({ kind: 'complete' })
  })

  it.each([
    ['a.js', 'text/javascript; charset=utf-8'],
    ['a.tar.gz', 'application/gzip'],
    ['a.mp4', 'video/mp4'],
    ['a.json', 'application/json'],
    ['a.unknown', 'application/octet-stream'],
    ['json', 'application/octet-stream'],
    ['.json', 'application/octet-stream'],
  ])('gives %s the type %s', async (name, type) => {
    await put(name, 'x')
    expect((await ask(origin, `/${name}`)).field('content-type')).toBe(type)
  })

  it('changes the tag with the length, the time and the file', async () => {
    const tags = new Set<string | undefined>()
    await put('f', 'one')
    tags.add((await ask(origin, '/f')).field('etag'))
    tags.add((await ask(origin, '/f')).field('etag'))
    expect(tags.size).toBe(1)
    await put('f', 'three')
    tags.add((await ask(origin, '/f')).field('etag'))
    await put('f', 'three', MODIFIED_AT_MS + 1)
    tags.add((await ask(origin, '/f')).field('etag'))
    await put('g', 'three', MODIFIED_AT_MS + 1)
    await rename(join(root, 'g'), join(root, 'f'))
    tags.add((await ask(origin, '/f')).field('etag'))
    expect(tags.size).toBe(4)
  })

  it('gives a file of the last two seconds a weak tag that nothing matches later', async () => {
    const nowMs = clock.nowMs()
    await put('f', 'content', nowMs - 1500)
    const young = await ask(origin, '/f')
    const etag = young.field('etag') ?? ''
    expect(etag).toMatch(/^W\/"/)
    expect(young.field('last-modified')).toBeUndefined()
    clock.advance(1000)
    expect((await ask(origin, '/f', ['if-none-match', etag])).status).toBe(200)
    const old = await ask(origin, '/f', ['if-none-match', etag])
    expect(old.field('etag')).toMatch(/^"/)
    expect((await ask(origin, '/f', ['if-match', etag])).status).toBe(412)
    await put('f', 'content', nowMs + 60_000)
    expect((await ask(origin, '/f')).field('etag')).toMatch(/^W\/"/)
  })
})

describe('createDirectoryUpstream, ranges and conditions', () => {
  it.each([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=9-9', 206, '9', 'bytes 9-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=10-', 416, 'Range not satisfiable\n', 'bytes */10'],
    ['bytes=-0', 416, 'Range not satisfiable\n', 'bytes */10'],
    ['bytes=3-1', 200, '0123456789', undefined],
    ['bytes=cats', 200, '0123456789', undefined],
    ['lines=0-1', 200, '0123456789', undefined],
    ['bytes=0-1,4-5', 200, '0123456789', undefined],
  ])('answers Range "%s" with %i', async (range, status, text, contentRange) => {
    await put('f', '0123456789')
    const got = await ask(origin, '/f', ['range', range])
    expect([got.status, got.text]).toEqual([status, text])
    expect(got.field('content-range')).toBe(contentRange)
    expect(got.field('content-length')).toBe(String(text.length))
  })

  it('answers ranges of an empty file (RFC 9110 §14.1.2)', async () => {
    await put('f', '')
    expect((await ask(origin, '/f')).status).toBe(200)
    expect((await ask(origin, '/f', ['range', 'bytes=0-'])).status).toBe(416)
    expect((await ask(origin, '/f', ['range', 'bytes=-5'])).status).toBe(200)
  })

  it('obeys conditions in the order of RFC 9110 §13.2.2', async () => {
    await put('f', '0123456789')
    const etag = (await ask(origin, '/f')).field('etag') ?? ''
    const before = formatHttpDate(MODIFIED_AT_MS - 1000)
    const then = formatHttpDate(MODIFIED_AT_MS)
    const cases: readonly (readonly [number, Fields])[] = [
      [200, ['if-match', etag]],
      [200, ['if-match', '*']],
      [412, ['if-match', '"other"']],
      [412, ['if-match', `W/${etag}`]],
      [412, ['if-unmodified-since', before]],
      [200, ['if-unmodified-since', then]],
      [200, ['if-match', etag, 'if-unmodified-since', before]],
      [304, ['if-none-match', `"other", W/${etag}`]],
      [304, ['if-none-match', '*']],
      [304, ['if-modified-since', then]],
      [200, ['if-modified-since', before]],
      [200, ['if-none-match', '"other"', 'if-modified-since', then]],
      [412, ['if-match', '"other"', 'if-none-match', etag]],
      [304, ['if-none-match', etag, 'range', 'bytes=0-1']],
      [206, ['if-range', etag, 'range', 'bytes=0-1']],
      [206, ['if-range', then, 'range', 'bytes=0-1']],
      [200, ['if-range', '"other"', 'range', 'bytes=0-1']],
      [200, ['if-range', before, 'range', 'bytes=0-1']],
    ]
    for (const [status, fields] of cases) {
      const got = await ask(origin, '/f', fields)
      expect([fields.join(), got.status]).toEqual([fields.join(), status])
    }
  })

  it('keeps the tag and sends no content with a 304 (RFC 9110 §15.4.5)', async () => {
    await put('f', '0123456789')
    const etag = (await ask(origin, '/f')).field('etag') ?? ''
    const got = await ask(origin, '/f', ['if-none-match', etag])
    expect([got.text, got.field('etag'), got.field('content-length')]).toEqual([
      '',
      etag,
      undefined,
    ])
  })
})

describe('createDirectoryUpstream, failures', () => {
  // Root may read everything.
  itWhere(process.getuid?.() !== 0)('tells a file that may not be read as 403', async () => {
    await put('f', 'content')
    await chmod(join(root, 'f'), 0)
    expect((await ask(origin, '/f')).status).toBe(403)
  })

  it('rejects when the directory itself is gone, rather than telling all files as missing', async () => {
    const gone = createDirectoryUpstream({ directory: join(base, 'none'), clock })
    const scope = createTestScope()
    const failure = await failureOf(ask(gone, '/f', [], { scope }))
    expect(failure).toBeInstanceOf(UpstreamError)
    expect(failure).toMatchObject({ kind: 'destination_unavailable', retryable: true })
    expect(scope.eventsOf('fetch-failed')).toHaveLength(1)
  })

  it('rejects when nobody waits, and when there is no time left', async () => {
    await put('f', 'content')
    const left = createTestScope()
    left.abort()
    const cancelled = await failureOf(ask(origin, '/f', [], { scope: left }))
    expect(cancelled.name).toBe('Cancelled')
    const late = createTestScope({ deadlineAtMs: clock.monotonicMs() })
    const failure = await failureOf(ask(origin, '/f', [], { scope: late }))
    expect(failure).toMatchObject({ kind: 'http_response_timeout' })
    expect(clock.pendingCount()).toBe(0)
  })
})
