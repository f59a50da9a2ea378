// A response without validator was stored once its transfer had ended, a turn after its reader had the last
// byte: a client's next request could come before, and was no hit.

import { expect, it } from 'vitest'

import { createEdge } from '../support/edge.ts'

it('is stored before its reader has the last byte, when its length was announced', async () => {
  const edge = createEdge({ upstream: { reads: 'async' } })
  const fields: [string, string][] = [['cache-control', 'max-age=60']]
  edge.origin.put('/a', { sizeBytes: 2500, etag: false, lastModified: false, fields })
  const { answer } = await edge.ask('/a')
  if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
  for (let readBytes = 0; readBytes < 2500; ) {
    readBytes += (await answer.body.source.read())?.byteLength ?? 0
  }
  expect((await edge.get('/a')).cache).toMatch(/^hit/)
  answer.body.source.cancel('done')
})
