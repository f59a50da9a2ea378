// A reader that was cut while it waited for the store then read the end: a short body looked complete.

import { expect, it } from 'vitest'

import { createNodeDigests } from '../../src/adapters/node/node-digests.ts'
import { UpstreamError } from '#core/ports/upstream.ts'
import { BodyReader } from '#core/flow/body-reader.ts'
import { createFills } from '#core/flow/fills.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import { createFakeStore } from '../support/fake-store.ts'
import { createTestFillScopes, createTestScope } from '../support/scopes.ts'
import { testBody, testHead, testKey } from '../support/stored.ts'

it('a reader that is cut while the store looks for its segment breaks off', async () => {
  const store = createFakeStore()
  const { clock, site } = createEdge({ store })
  const fills = createFills({
    store,
    clock,
    random: () => 0.5,
    bounds: { maxFillingBytes: 64 * SEGMENT_BYTES, maxPinnedBytes: 64 * SEGMENT_BYTES },
    digests: createNodeDigests(),
  })
  const head = testHead(testKey('a'), testBody('a'))
  const fill = fills.open({
    head,
    origin: {
      upstream: site.upstream,
      target: '/a',
      authority: undefined,
      fields: [],
      hasCredentials: false,
      update: () => Promise.resolve(),
      receive: (response) => response,
      forbidsStoring: () => false,
      noteRangesIgnored: () => Promise.resolve(),
    },
    ticket: store.ticket(head.key),
    scope: createTestFillScopes().scopes(createTestScope()),
    settings: site.fill,
    ranges: 'taken',
  })
  const options = { head, store, fills, startByte: 0, endByte: 2500, openFill: () => fill }
  const reader = new BodyReader(options)
  reader.attach(fill)
  const gate = store.hold('readSegment')
  const reading = reader.read()
  reader.cut(new UpstreamError('connection_terminated', 'Cannot wait', { retryable: false }))
  gate.release()
  await expect(reading).rejects.toThrow('Cannot wait')
  expect(fills.count()).toBe(0)
})
