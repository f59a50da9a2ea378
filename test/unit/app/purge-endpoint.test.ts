import { describe, expect, it } from 'vitest'

import type { AuditLine, PurgeEndpointOptions } from '#app/purge-endpoint.ts'
import { createPurgeEndpoint } from '#app/purge-endpoint.ts'
import type { ByteSource } from '#core/entry/byte-source.ts'
import { cacheKeyOf } from '#core/entry/cache-key.ts'
import type { Fields } from '#core/entry/fields.ts'
import type { Purge, Purged } from '#core/flow/purge.ts'
import { createSteppedClock } from '../../support/stepped-clock.ts'

const TYPE = ['content-type', 'application/json']

interface Sent {
  readonly method?: string
  readonly target?: string
  readonly fields?: Fields
  readonly body?: ByteSource | string
  readonly peer?: string
}

interface Told {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}

function sourceOf(text: string): ByteSource {
  let rest: Uint8Array | undefined = new TextEncoder().encode(text)
  return {
    read() {
      const bytes = rest
      rest = undefined
      return bytes
    },
    cancel: () => undefined,
  }
}

/** An endpoint over a purge that only takes note, open to all who do not say otherwise. */
function createFixture(options: Partial<PurgeEndpointOptions> = {}) {
  const clock = createSteppedClock()
  const calls: unknown[][] = []
  const audit: AuditLine[] = []
  const purge: Purge = {
    async url(url, how) {
      calls.push([url, how])
      return { kind: 'purged', keys: [cacheKeyOf('site', '', '/a')], recorded: 'recorded' }
    },
    async all(how) {
      calls.push(['all', how])
      return { kind: 'purged', keys: 'all', recorded: 'recorded' }
    },
  }
  const endpoint = createPurgeEndpoint({
    purge,
    clock,
    maxCallsPerSecond: 2,
    access: () => ({ granted: true, by: 'token' }),
    audit: (line) => audit.push(line),
    ...options,
  })
  async function send(sent: Sent = {}): Promise<Told> {
    const { method = 'POST', target = '/purge', fields = TYPE, body = '{"all":true}' } = sent
    const source = typeof body === 'string' ? sourceOf(body) : body
    const raw = { method, target, httpVersion: '1.1', lines: fields, body: source }
    const head = { kind: 'read', raw, scheme: 'http', authority: 'a', fields } as const
    const response = await endpoint({ head, peer: sent.peer ?? '192.0.2.1' })
    return { status: response.status, text: await response.text(), headers: response.headers }
  }
  return { clock, calls, audit, send }
}

const NEVER_READ: ByteSource = {
  read() {
    throw new Error('the body was read')
  },
  cancel: () => undefined,
}

function unwritten(): Promise<Purged> {
  return Promise.resolve({ kind: 'purged', keys: 'all', recorded: 'unwritten' })
}

function failed(): Promise<Purged> {
  return Promise.reject(new Error('no store'))
}

describe('createPurgeEndpoint', () => {
  it('says what was purged, how, and on how many nodes', async () => {
    const { send, calls, audit } = createFixture()
    const all = await send()
    expect([all.status, all.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(all.headers.get('cache-control')).toBe('no-store')
    const nodes = { applied: 1, of: 1 }
    expect(JSON.parse(all.text)).toEqual({ purged: { all: true }, how: 'soft', nodes })
    const url = await send({ body: '{"url":"http://a/a"}' })
    const purged = { url: 'http://a/a', keys: ['site\n/a'] }
    expect(JSON.parse(url.text)).toEqual({ purged, how: 'hard', nodes })
    expect(calls).toEqual([
      ['all', 'soft'],
      ['http://a/a', 'hard'],
    ])
    const who = { action: 'purge', peer: '192.0.2.1', by: 'token', status: 200, outcome: 'purged' }
    expect(audit).toEqual([
      { ...who, what: 'all', how: 'soft' },
      { ...who, what: 'http://a/a', how: 'hard' },
    ])
  })

  it.each([
    ['token-missing', 401, 'Bearer realm="sluice admin"'],
    ['token-wrong', 401, 'Bearer realm="sluice admin", error="invalid_token"'],
    ['peer', 403, null],
  ] as const)(
    'refuses who has no access (%s), and reads no body for it (RFC 6750 §3)',
    async (because, status, challenge) => {
      const access = () => ({ granted: false, because }) as const
      const { send, calls, audit } = createFixture({ access })
      const told = await send({ body: NEVER_READ })
      expect([told.status, told.headers.get('www-authenticate')]).toEqual([status, challenge])
      expect(calls).toEqual([])
      expect(audit).toMatchObject([{ by: 'nobody', what: '', how: undefined, status }])
    },
  )

  it('decides access by the peer and its Authorization field, and by nothing else', async () => {
    const seen: unknown[] = []
    const access: PurgeEndpointOptions['access'] = (peer, authorization) => {
      seen.push([peer, authorization])
      return { granted: true, by: 'loopback' }
    }
    const { send } = createFixture({ access })
    await send({ peer: '::1' })
    await send({ fields: [...TYPE, 'authorization', 'Bearer x'] })
    expect(seen).toEqual([
      ['::1', undefined],
      ['192.0.2.1', 'Bearer x'],
    ])
  })

  it.each([
    ['Origin', 403, { fields: [...TYPE, 'Origin', 'null'] }],
    ['another method', 405, { method: 'PURGE' }],
    ['a query', 400, { target: '/purge?token=x' }],
    ['no type', 415, { fields: [] }],
    ['another type', 415, { fields: ['content-type', 'text/plain'] }],
    ['a coded body', 415, { fields: [...TYPE, 'content-encoding', 'br'] }],
    ['a long body', 413, { fields: [...TYPE, 'content-length', '65537'] }],
  ] as const)('refuses %s with %i, and reads no body for it', async (_, status, sent) => {
    const { send, calls, audit } = createFixture()
    const told = await send({ ...sent, body: NEVER_READ })
    expect(told.status).toBe(status)
    expect(told.text.length).toBeGreaterThan(10)
    expect([calls, audit.length]).toEqual([[], 1])
  })

  it.each([
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json ; charset="UTF-8"',
  ])('takes %s for JSON', async (type) => {
    expect((await createFixture().send({ fields: ['content-type', type] })).status).toBe(200)
  })

  it('counts the calls of those who may, and says when the next may come', async () => {
    const { send, clock, calls } = createFixture()
    await send({ method: 'GET' })
    await send({ fields: [] })
    expect([(await send()).status, (await send({ body: 'no JSON' })).status]).toEqual([200, 400])
    const refused = await send({ body: NEVER_READ })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
    clock.advance(1000)
    expect((await send()).status).toBe(200)
    expect(calls.length).toBe(2)
  })

  it('refuses a body that is too long without its length being told', async () => {
    const { send, calls } = createFixture()
    expect((await send({ body: '{"all":true}'.padEnd(65_537) })).status).toBe(413)
    expect((await send({ body: '{"all":true}'.padEnd(65_536) })).status).toBe(200)
    expect(calls.length).toBe(1)
  })

  it('does nothing for a body that breaks off', async () => {
    const { send, calls, audit } = createFixture()
    expect((await send({ body: NEVER_READ })).status).toBe(400)
    expect([calls, audit.length]).toEqual([[], 1])
  })

  it.each([
    ['url', 400, 'Malformed host: send the URL as clients ask for it'],
    ['site', 422, 'Malformed host: send the host that clients ask for'],
  ] as const)('passes on what is wrong with a URL (%s)', async (because, status, text) => {
    const refuse = (): Promise<Purged> =>
      Promise.resolve({ kind: 'refused', because, reason: 'Malformed host' })
    const { send, audit } = createFixture({ purge: { url: refuse, all: refuse } })
    const told = await send({ body: '{"url":"http://a b/"}' })
    expect([told.status, told.text]).toEqual([status, expect.stringContaining(text)])
    expect(audit).toMatchObject([{ what: 'http://a b/', how: 'hard', status }])
  })

  it('says that a purge may come undone where it could not be written', async () => {
    const { send, audit } = createFixture({ purge: { url: unwritten, all: unwritten } })
    const told = await send({ body: '{"all":true}' })
    expect([told.status, told.text]).toEqual([500, expect.stringContaining('mend the disk')])
    expect(audit).toMatchObject([{ what: 'all', how: 'soft', status: 500 }])
  })

  it('has a line in the audit for a purge that failed, and leaves the failure to who called', async () => {
    const { send, audit } = createFixture({ purge: { url: failed, all: failed } })
    await expect(send()).rejects.toThrow('no store')
    expect(audit).toMatchObject([{ status: 500, outcome: 'failed' }])
  })
})
