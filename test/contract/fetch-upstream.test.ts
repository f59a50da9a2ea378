import { describe, expect, it } from 'vitest'

import { all, first } from '#core/entry/fields.ts'
import { createFetchUpstream } from '#web/fetch-upstream.ts'
import { createSystemClock } from '#web/system-clock.ts'

import { createTestScope } from '../support/scopes.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import { describeUpstream, overTestOrigin } from './upstream-contract.ts'
import { drain, kindOf, refusalOf, request } from './upstream-facts.ts'

const clock = createSystemClock()

describeUpstream(
  'createFetchUpstream',
  () => overTestOrigin((origin) => createFetchUpstream({ origin, clock })),
  {
    // Headers are sorted and combined, and Node's fetch decodes codings; below is what holds all the same.
    takesFields: false,
    keepsDuplicates: false,
    // What a runtime's parser takes for malformed is not ours, and it tells little of it.
    takesRaw: false,
  },
)

describe('createFetchUpstream', () => {
  it('keeps Set-Cookie lines apart and combines the others (RFC 9110 §5.3)', () =>
    withOrigin(async (origin) => {
      const fields = [
        ['Set-Cookie', 'a=1'],
        ['X-Two', 'one'],
        ['Set-Cookie', 'b=2'],
        ['X-Two', 'two'],
      ] as const
      origin.put('/lines', { sizeBytes: 1, fields })
      const upstream = createFetchUpstream({ origin: new URL(origin.url), clock })
      const response = await upstream.fetch(request('/lines'), createTestScope())
      await drain(response)
      expect(all(response.fields, 'set-cookie')).toEqual(['a=1', 'b=2'])
      expect(all(response.fields, 'x-two')).toEqual(['one, two'])
    }))

  it.each([301, 403, 503])('gives a %i as it is, and follows nothing', (status) =>
    withOrigin(async (origin) => {
      origin.put('/status', { status, body: 'text', fields: [['Location', '/elsewhere']] })
      const upstream = createFetchUpstream({ origin: new URL(origin.url), clock })
      const response = await upstream.fetch(request('/status'), createTestScope())
      expect(response.status).toBe(status)
      expect((await drain(response)).bytes.toString()).toBe('text')
      expect(origin.requests).toHaveLength(1)
    }),
  )

  it('puts the prefix before the target, and asks for identity unless told otherwise', () =>
    withOrigin(async (origin) => {
      const upstream = createFetchUpstream({ origin: new URL(`${origin.url}/bucket/`), clock })
      const target = '/a|b//%2e%2e%2Fc%zz/?q=|'
      await drain(await upstream.fetch(request(target), createTestScope()))
      const coded = request('/coded', ['accept-encoding', 'br'])
      await drain(await upstream.fetch(coded, createTestScope()))
      const [plain, second] = origin.requests
      expect(plain?.target).toBe(`/bucket${target}`)
      expect(plain?.header('accept-encoding')).toBe('identity')
      expect(second?.header('accept-encoding')).toBe('br')
    }))

  it.each(['/../up', '/a/%2e%2E/b', '/a/.', '/a\\..\\b', '/a#b', 'no-slash'])(
    'refuses %s, which a URL would change (RFC 3986 §6.2.2.3)',
    (target) =>
      withOrigin(async (origin) => {
        const upstream = createFetchUpstream({ origin: new URL(`${origin.url}/bucket`), clock })
        const error = await refusalOf(upstream.fetch(request(target), createTestScope()))
        expect(kindOf(error)).toBe('http_protocol_error')
        expect(origin.requests).toHaveLength(0)
      }),
  )

  it('tells the scope of each fetch and each failure', async () => {
    const origin = await startTestOrigin()
    origin.put('/told', { sizeBytes: 1 })
    const upstream = createFetchUpstream({ origin: new URL(origin.url), clock })
    const scope = createTestScope()
    const response = await upstream.fetch(request('/told'), scope)
    expect(first(response.fields, 'content-length')).toBe('1')
    expect(scope.eventsOf('fetch')).toMatchObject([{ status: 200, address: origin.url }])
    await drain(response)
    await origin.close()
    await refusalOf(upstream.fetch(request('/told'), scope))
    expect(scope.eventsOf('fetch-failed')).toMatchObject([{ error: 'connection_refused' }])
  })
})

async function withOrigin(test: (origin: TestOrigin) => Promise<void>): Promise<void> {
  const origin = await startTestOrigin()
  try {
    await test(origin)
  } finally {
    await origin.close()
  }
}
