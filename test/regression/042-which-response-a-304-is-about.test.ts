// A 304 was taken for the selected response whatever date it had, and without a tag also when the tags of
// several had been asked about: bytes that were no longer its reader's got a new lifetime.

import { describe, expect, it } from 'vitest'

import { selectFreshened } from '#core/policy/validation.ts'
import type { OriginAnswer } from '../support/answering-origin.ts'
import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'
import { testBody, testHead, testKey } from '../support/stored.ts'

const FRESH = { 'cache-control': 'max-age=60' }
const NEWER = 'Fri, 20 Nov 2020 11:58:20 GMT'
const OLDER = 'Fri, 20 Nov 2020 11:00:00 GMT'

describe('a 304', () => {
  it('with another Last-Modified freshens nothing (RFC 9111 §4.3.4)', async () => {
    const origin = createAnsweringOrigin((request, number): OriginAnswer => {
      if (number === 0) return { fields: { ...FRESH, 'last-modified': NEWER }, body: 'newer' }
      const fields = { ...FRESH, 'last-modified': OLDER }
      const isSame = request.header('if-modified-since') !== undefined
      return isSame ? { status: 304, fields } : { fields, body: 'older' }
    })
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    await edge.clock.step(61_000)
    expect(textOf(await edge.get('/a'))).toBe('older')
  })

  it('without a tag is about nothing that we know, where several were sent (RFC 9111 §4.3.4)', async () => {
    let isMerged = false
    const origin = createAnsweringOrigin((request): OriginAnswer => {
      const version = isMerged ? 'en' : (request.header('accept-language') ?? '')
      const isSame = request.header('if-none-match')?.includes(`"${version}"`) === true
      if (isSame) return { status: 304, fields: FRESH }
      const fields = { ...FRESH, vary: 'accept-language', etag: `"${version}"` }
      return { fields, body: version }
    })
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a', { 'accept-language': 'en' })
    await edge.get('/a', { 'accept-language': 'fr' })
    await edge.clock.step(61_000)
    isMerged = true
    expect(textOf(await edge.get('/a', { 'accept-language': 'fr' }))).toBe('en')
  })

  it('without a tag is about the only one whose tag was sent (RFC 9111 §4.3.4)', async () => {
    const origin = createAnsweringOrigin((_, number) =>
      number === 0
        ? { fields: { ...FRESH, etag: '"a"' }, body: 'one' }
        : { status: 304, fields: FRESH },
    )
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    await edge.clock.step(61_000)
    expect(textOf(await edge.get('/a'))).toBe('one')
    expect(origin.requests).toHaveLength(2)
  })

  it('with a weak tag that we do not have is about what has its date (RFC 9111 §4.3.4)', () => {
    const lastModifiedMs = Date.parse(NEWER)
    const validators = {
      etag: { weak: true, opaque: '"v1"' },
      lastModifiedMs,
      dateMs: lastModifiedMs + 60_000,
    }
    const stored = testHead(testKey('a'), testBody('a'), { validators })
    const weak = ['etag', 'W/"gzip-v1"', 'last-modified', NEWER]
    const nowMs = lastModifiedMs + 60_000
    expect(selectFreshened(weak, stored, [stored], nowMs)).toBe(stored)
    const strong = ['etag', '"gzip-v1"', 'last-modified', NEWER]
    expect(selectFreshened(strong, stored, [stored], nowMs)).toBeUndefined()
  })
})
