// What every Upstream at the bottom of a stack must do (src/core/ports/upstream.ts).

import { once } from 'node:events'
import { createServer } from 'node:net'

import { afterAll, beforeAll, describe } from 'vitest'

import type { Upstream } from '#core/ports/upstream.ts'

import { startTestOrigin } from '../support/test-origin.ts'
import { testBodies, testFields, testNoBody } from './upstream-bodies.ts'
import { testBreaks, testFlow, testRefusals } from './upstream-failures.ts'
import type { UpstreamHarness, UpstreamTraits } from './upstream-facts.ts'
import { testMalformed } from './upstream-malformed.ts'
import { describeWhere } from '../support/where.ts'

export type { UpstreamHarness, UpstreamTraits } from './upstream-facts.ts'

/** Runs the contract of the Upstream port on one implementation. */
export function describeUpstream(
  name: string,
  create: () => Promise<UpstreamHarness>,
  traits: UpstreamTraits = {},
): void {
  describe(`${name} as an Upstream`, () => {
    let harness: UpstreamHarness
    beforeAll(async () => {
      harness = await create()
    })
    afterAll(() => harness.close())
    const open = (): UpstreamHarness => harness

    describe('bodies', () => {
      testBodies(open, traits)
    })
    describe('bodiless responses', () => {
      testNoBody(open, traits)
    })
    describeWhere(traits.takesFields !== false)('fields', () => {
      testFields(open, traits)
    })
    describe('backpressure and cancellation', () => {
      testFlow(open, traits)
    })
    describe('requests that fail', () => {
      testRefusals(open, traits)
    })
    describeWhere(traits.takesFaults !== false)('bodies that break', () => {
      testBreaks(open, traits)
    })
    describeWhere(traits.takesRaw !== false)('malformed responses', () => {
      testMalformed(open)
    })
  })
}

export interface ClosableUpstream extends Upstream {
  close?(): Promise<void>
}

/** The harness of an upstream that speaks HTTP to a test origin on a loopback port. */
export async function overTestOrigin(
  connect: (origin: URL) => ClosableUpstream,
): Promise<UpstreamHarness> {
  const origin = await startTestOrigin()
  const upstream = connect(new URL(origin.url))
  return {
    upstream,
    put: (path, object) => origin.put(path, object),
    inject: (fault, path) => origin.inject(fault, path),
    putRaw: (path, answer) => origin.put(path, answer),
    sentBytes: () => origin.counters().bodyBytes,
    abortedCount: () => origin.requests.filter(({ aborted }) => aborted).length,
    async createRefused() {
      const refused = connect(new URL(`http://127.0.0.1:${await closedPort()}`))
      return { upstream: refused, close: async () => refused.close?.() }
    },
    async close() {
      await upstream.close?.()
      await origin.close()
    },
  }
}

/** A port that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('Cannot find a free port')
  return address.port
}
