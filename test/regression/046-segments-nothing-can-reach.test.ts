// The segments of a body without a validator stayed when its head was replaced or pushed out: bytes that
// nothing could reach pushed out those that were used.

import { describe, expect, it } from 'vitest'

import { createInvalidations } from '#web/invalidations.ts'
import { createMemoryStore } from '#web/memory-store.ts'
import { MAX_VARIANT_COUNT } from '#web/variants.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

const SIZE_BYTES = 20 * SEGMENT_BYTES

function unvalidated(fields: [string, string][]) {
  const store = createMemoryStore({ maxBytes: 16_777_216, invalidations: createInvalidations() })
  const edge = createEdge({ store })
  edge.origin.put('/a', { sizeBytes: SIZE_BYTES, etag: false, lastModified: false, fields })
  async function get(asks: Readonly<Record<string, string>>) {
    await edge.get('/a', asks)
    await edge.fillScopes.settled()
  }
  return { edge, store, get }
}

describe('a body that cannot be joined', () => {
  it('goes with the variant that is one too many', async () => {
    const { store, get } = unvalidated([
      ['cache-control', 'max-age=60'],
      ['vary', 'user-agent'],
    ])
    const agent = (i: number) => get({ 'user-agent': `agent ${1000 + i}` })
    for (let i = 0; i < MAX_VARIANT_COUNT; i++) await agent(i)
    const { bytes } = store.stats()
    expect(bytes).toBeGreaterThan(MAX_VARIANT_COUNT * SIZE_BYTES)
    for (let i = 0; i < MAX_VARIANT_COUNT; i++) await agent(MAX_VARIANT_COUNT + i)
    expect(store.stats().bytes).toBe(bytes)
  })

  it('goes with the head that is replaced', async () => {
    const { edge, store, get } = unvalidated([['cache-control', 'max-age=60']])
    await get({})
    const { bytes } = store.stats()
    for (let i = 0; i < 10; i++) {
      await edge.clock.step(61_000)
      await get({})
    }
    expect(edge.origin.requests).toHaveLength(11)
    expect(store.stats().bytes).toBe(bytes)
  })
})
