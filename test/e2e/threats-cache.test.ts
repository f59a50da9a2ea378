// What is not in the key must not be in the answer: fields, hosts, queries, paths (T-30 to T-34).

import { describe, expect, it } from 'vitest'

import { SHARED, NO_STORE, withPolicies } from '../support/attacked.ts'
import type { Answered, Attacked } from '../support/attacked.ts'
import { concurrently } from '../support/concurrently.ts'
import { rawRequest } from '../support/raw-client.ts'
import { wire } from '../support/raw-origin.ts'
import type { WireHandler, WireRequest } from '../support/raw-origin.ts'
import { createSeededRandom } from '../support/seeded-random.ts'
import { CHAINED, CONDITIONS, DENIED, LISTED, OPTIONAL } from './threats-cache-names.ts'

const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const POLICIES = ['careful', 'rfc'] as const
const RULES = { query: { drop: ['utm_content', 'd'] } }
const SORTED = { query: { ...RULES.query, sort: true } }

function configOf(originUrl: string): object {
  const origins = [originUrl]
  return {
    sites: [
      { name: 'listed', hosts: ['listed.test'], origins, forward: 'listed' },
      { name: 'all', hosts: ['all.test'], origins, forward: 'all' },
      { name: 'bare', hosts: ['bare.test'], origins, forward: 'listed', authorization: 'strip' },
      { name: 'hosts', hosts: ['*.hosts.test', 'hosts.test'], origins, host: 'client' },
      { name: 'query', hosts: ['query.test'], origins, ...RULES },
      { name: 'model', hosts: ['model.test'], origins: [`${originUrl}/model`], ...RULES },
      { name: 'sorted-query', hosts: ['sorted-query.test'], origins, ...SORTED },
      {
        name: 'sorted-model',
        hosts: ['sorted-model.test'],
        origins: [`${originUrl}/model`],
        ...SORTED,
      },
      { name: 'other', hosts: ['other.test'], origins },
    ],
  }
}

const under = withPolicies(POLICIES, configOf)

/** Tells in its body all that it was sent, and lets everyone have it. */
function echo(lines: readonly string[] = []): WireHandler {
  return ({ head }) =>
    wire(200, [SHARED, 'Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT', ...lines], head)
}

interface Sent {
  readonly target: string
  readonly host: string
  readonly lines?: readonly string[]
}

async function send(attacked: Attacked, { target, host, lines = [] }: Sent) {
  const bytes = [`GET ${target} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n')
  const { responses } = await rawRequest({ port: attacked.sluice.port, bytes })
  const text = responses[0]?.body.toString('latin1') ?? ''
  return { status: responses[0]?.status, text }
}

/** Sends each name with a canary, then asks as anybody would; tells which reached whom. */
async function reachOf(
  attacked: Attacked,
  host: string,
  names: readonly string[],
  linesOf: (name: string) => readonly string[] = () => [],
) {
  const path = `/echo-${++reachCount}`
  const withOthers = new Set<string>()
  attacked.origin.answer((request, socket) => {
    const name = request.target.slice(path.length + 1)
    return echo(linesOf(name))(request, socket)
  })
  await concurrently(names, 8, async (name) => {
    const target = `${path}/${name}`
    await send(attacked, { target, host, lines: [`${name}: canary`] })
    const { status, text } = await send(attacked, { target, host })
    if (status !== 200) throw new Error(`Cannot go on: ${name} left a ${status}`)
    if (text.includes('canary')) withOthers.add(name)
  })
  const seen = attacked.origin.requests.filter(({ head }) => head.includes('canary'))
  const targets = new Set(seen.map(({ target }) => target))
  return {
    atOrigin: names.filter((name) => targets.has(`${path}/${name}`)),
    withOthers: names.filter((name) => withOthers.has(name)),
  }
}

let reachCount = 0

const varyOn = (name: string) => [`Vary: ${name}`]

describe.each(POLICIES)('a field that is not in the key, under %s (T-30)', (policy) => {
  it('reaches no origin of a site that lists what it forwards, and nobody else', async () => {
    const names = [...DENIED, ...OPTIONAL]
    expect(names.length).toBeGreaterThan(120)
    const reach = await reachOf(under(policy), 'listed.test', names)
    expect(reach).toEqual({ atOrigin: [], withOthers: [] })
  })

  it('reaches the origin of a site that forwards all, but for those that are never sent on', async () => {
    const reach = await reachOf(under(policy), 'all.test', [...DENIED, ...OPTIONAL])
    expect(reach.atOrigin).toEqual(OPTIONAL)
    expect(reach.withOthers.filter((name) => DENIED.includes(name))).toEqual([])
    expect(reach.withOthers).not.toContain('Cookie')
  })

  it('reaches the origin where it is a condition, which only the origin can judge', async () => {
    const { atOrigin } = await reachOf(under(policy), 'listed.test', CONDITIONS)
    expect(atOrigin).toEqual(CONDITIONS)
  })

  it('reaches nobody else where the origin names it in Vary, as it must (RFC 9111 §4.1)', async () => {
    const attacked = under(policy)
    const names = [...OPTIONAL, ...LISTED]
    const reach = await reachOf(attacked, 'all.test', names, varyOn)
    expect(reach).toEqual({ atOrigin: names, withOthers: [] })
    expect((await reachOf(attacked, 'listed.test', LISTED, varyOn)).withOthers).toEqual([])
  })

  it('is never one of Authorization to anybody else, and none at all where it is taken off', async () => {
    const attacked = under(policy)
    const names = ['Authorization']
    for (const host of ['listed.test', 'all.test']) {
      expect(await reachOf(attacked, host, names)).toEqual({ atOrigin: names, withOthers: [] })
    }
    expect(await reachOf(attacked, 'bare.test', names)).toEqual({ atOrigin: [], withOthers: [] })
  })

  it('is not one of Via or CDN-Loop where the origin names them in Vary', async () => {
    const { withOthers } = await reachOf(under(policy), 'listed.test', CHAINED, varyOn)
    expect(withOthers).toEqual([])
  })
})

describe('hosts and ports (T-31)', () => {
  it('are keyed where they are sent, as they mean the same and no further', async () => {
    const attacked = under('careful')
    attacked.origin.answer(echo())
    const hosts = [
      ['hosts.test', 'a.hosts.test', 'b.hosts.test', 'hosts.test:8443', 'hosts.test:8080'],
      ['HOSTS.test', 'hosts.test.', 'hosts.test:80', 'Hosts.Test.:80'],
    ] as const
    const texts = new Set<string>()
    for (const host of hosts[0]) texts.add((await send(attacked, { target: '/h', host })).text)
    expect(texts.size).toBe(hosts[0].length)
    for (const host of hosts[1]) texts.add((await send(attacked, { target: '/h', host })).text)
    expect(texts.size).toBe(hosts[0].length)
    expect(attacked.origin.requests.map((request) => request.header('host'))).toEqual(hosts[0])
  })

  it('never reach an origin that is sent its own, nor what it answers', async () => {
    const attacked = under('careful')
    attacked.origin.answer(echo())
    const { text } = await send(attacked, { target: '/own', host: 'listed.test:8443' })
    expect(text).not.toContain('listed.test')
    expect((await send(attacked, { target: '/own', host: 'LISTED.test.' })).text).toBe(text)
  })

  it('of two sites share nothing, were the origin the same (T-43)', async () => {
    const attacked = under('careful')
    attacked.origin.answer(echo())
    for (const host of ['listed.test', 'all.test', 'other.test']) {
      await send(attacked, { target: '/same', host })
    }
    expect(attacked.origin.requests).toHaveLength(3)
  })
})

/** Tags mean the same in any case, and so do lists with other spaces. */
function normal(text: string): string {
  return text.toLowerCase().replaceAll(', ', ',')
}

function parametersOf(target: string): readonly string[] {
  const [, query = ''] = /\?(.*)$/.exec(target) ?? []
  return query.split('&').map((parameter) => parameter.replace(/=.*/, ''))
}

/** What of a request to the model site the origin saw, as the other site would have sent it. */
function told({ head }: WireRequest): string {
  const lines = head.replace(' /model/', ' /').split('\r\n')
  return lines.filter((line) => !/^(?:via|cdn-loop|traceparent):/i.test(line)).join('\n')
}

describe('queries and paths (T-32, T-33, T-34)', () => {
  const PARAMETERS =
    'a=1 a=2 A=1 a[]=1 a=1%26b=2 b=2 d=1 D=1 %64=1 d d= a utm_content=x utm_content=x;a=2 ' +
    'utm%5Fcontent=x d=1;a=2 a=%0d%0a a=\\'
  const PIECES = PARAMETERS.split(' ')
  const NAMES =
    "a A %61 b  a;x a; a%2fb a%2Fb a%5cb a%zz a% %c0%ae ..%2f ..; %2e.a ... a. a%20 a+ a|b a{b} a^ ' a%3fd=1"
  const SEGMENTS = NAMES.split(' ')
  const LANGUAGES = ['en', 'EN', 'de, en', 'de,en', '']

  it.each(['', 'sorted-'])(
    'give what the origin gives for the same request, stored or not: %s',
    async (rules) => {
      const attacked = under('careful')
      const random = createSeededRandom(SEED)
      const vary = 'Vary: accept-language, accept-encoding'
      attacked.origin.answer((request) =>
        wire(200, [request.target.startsWith('/model/') ? NO_STORE : SHARED, vary], told(request)),
      )
      const list = (pieces: readonly string[], separators: readonly string[], maxCount: number) =>
        Array.from({ length: random.integer(1, maxCount) }, () => random.pick(pieces)).reduce(
          (text, piece) => text + random.pick(separators) + piece,
        )
      const targets = Array.from({ length: 300 }, () => {
        const query = random.chance(0.6) ? `?${list(PIECES, ['&', '&', '&&', ';', '?'], 3)}` : ''
        return `/${list(SEGMENTS, ['/'], 2)}${query}`
      })
      let hitCount = 0
      await concurrently(Array(900).keys(), 8, async () => {
        const target = random.pick(targets)
        const language = random.pick(LANGUAGES)
        const headers = {
          'Accept-Language': language,
          'Accept-Encoding': random.pick(['gzip', 'x']),
        }
        const ask = (host: string): Promise<Answered> =>
          attacked.get(target, { headers: { ...headers, Host: host } })
        const [got, model] = [await ask(`${rules}query.test`), await ask(`${rules}model.test`)]
        if (got.isHit) hitCount += 1
        expect({ seed: SEED, target, headers, got: [got.status, normal(got.text)] }).toEqual({
          seed: SEED,
          target,
          headers,
          got: [200, normal(model.text)],
        })
        expect(got.text.split('\n', 1)).toEqual(model.text.split('\n', 1))
      })
      expect(hitCount).toBeGreaterThan(200)
      const seen = attacked.origin.requests.map(({ target }) => target)
      const dropped = new Set(RULES.query.drop)
      expect(seen.flatMap(parametersOf).filter((name) => dropped.has(name))).toEqual([])
      expect(attacked.origin.malformed).toEqual([])
    },
  )
})
