// A body that ends with its connection was taken for whole where the connection had been reset: half of it
// looked complete, and could be stored.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { ask, failureOf } from '../support/ask.ts'
import { createEdge } from '../support/edge.ts'
import { cut, startRawOrigin, wireHead } from '../support/raw-origin.ts'
import type { RawOrigin } from '../support/raw-origin.ts'
import { connectTo } from '../support/socket-upstream.ts'

let origin: RawOrigin
beforeEach(async () => {
  origin = await startRawOrigin()
})
afterEach(async () => await origin.close())

const HALF = 'half of it'

function sending(how: 'fin' | 'rst'): void {
  const head = wireHead(200, ['Connection: close', 'Cache-Control: max-age=60'])
  origin.answer((_request, socket) => cut(socket, Buffer.concat([head, Buffer.from(HALF)]), how))
}

describe('a body that ends with its connection', () => {
  it('is whole where the connection ended in order (RFC 9112 §6.3, §9.6)', async () => {
    sending('fin')
    expect((await ask(connectTo(new URL(origin.url)), '/a')).text).toBe(HALF)
  })

  it('is incomplete where it was reset (RFC 9112 §8)', async () => {
    sending('rst')
    expect(await failureOf(ask(connectTo(new URL(origin.url)), '/a'))).toMatchObject({
      name: 'UpstreamError',
    })
  })

  it('is not stored of a reset, where such bodies are (RFC 9111 §3.3)', async () => {
    const edge = createEdge({
      site: { policy: { storesUndelimited: true } },
      wrap: (_upstream, clock) => connectTo(new URL(origin.url), clock),
    })
    sending('rst')
    expect((await edge.get('/a')).error).toBeDefined()
    await edge.fillScopes.settled()
    expect((await edge.get('/a')).cache).toMatch(/^fwd=uri-miss/)
    sending('fin')
    await edge.get('/a')
    await edge.fillScopes.settled()
    expect((await edge.get('/a')).cache).toMatch(/^hit/)
  })
})
