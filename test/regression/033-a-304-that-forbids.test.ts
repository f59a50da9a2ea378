// A 304 that said private, no-store or Vary: * was not laid over what is stored, which stayed as good as
// before: a hit for an hour, or in the place of an error.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import type { AnswerRequest } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const FIELDS = { 'cache-control': 'max-age=3600, stale-if-error=86400', etag: '"a"' }
const RELOAD = { 'cache-control': 'no-cache' }

function thenSaying(said: Readonly<Record<string, string>>): AnswerRequest {
  return (_, number) => {
    if (number === 0) return { fields: FIELDS, body: 'one' }
    if (number === 1) return { status: 304, fields: { ...FIELDS, ...said } }
    return { status: 503, body: 'down' }
  }
}

describe('what is stored', () => {
  it.each([
    ['private', { 'cache-control': 'private' }],
    ['no-store', { 'cache-control': 'no-store' }],
    ['Vary: *', { vary: '*' }],
    ['Set-Cookie', { 'set-cookie': 'id=1' }],
  ])('is not used as it was after a 304 that says %s (RFC 9111 §4.3.4)', async (_name, said) => {
    const origin = createAnsweringOrigin(thenSaying(said))
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    expect((await edge.get('/a', RELOAD)).status).toBe(200)
    expect((await edge.get('/a')).status).toBe(503)
  })

  it('is as it was after a 304 to a client that wants nothing stored (RFC 9111 §5.2.1.5)', async () => {
    const origin = createAnsweringOrigin(thenSaying({}))
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    await edge.get('/a', { 'cache-control': 'no-cache, no-store' })
    expect((await edge.get('/a')).cache).toMatch(/^hit/)
  })
})
