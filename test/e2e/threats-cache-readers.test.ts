// Two readers of one URL: what was for the first never reaches the second (T-37, T-38).

import { describe, expect, it } from 'vitest'

import { withPolicies } from '../support/attacked.ts'
import type { Attacked } from '../support/attacked.ts'
import { concurrently } from '../support/concurrently.ts'
import { wire, wireHead } from '../support/raw-origin.ts'
import {
  FORBIDDEN,
  FORBIDDEN_OBSCURELY,
  MISQUALIFIED,
  NEVER_FRESH,
  QUALIFIED,
  UNSAID,
  WITH_COOKIE,
  WITH_COOKIE_OBSCURELY,
} from './threats-cache-spellings.ts'
import type { Spelling } from './threats-cache-spellings.ts'

const POLICIES = ['careful', 'rfc'] as const
const SITES = ['listed', 'all', 'cookies'] as const
type Site = (typeof SITES)[number]

let pathCount = 0

function configOf(originUrl: string): object {
  const origins = [originUrl]
  const ttl = [{ path: '/static/', ttl: '60s' }]
  return {
    sites: [
      { name: 'listed', hosts: ['listed.test'], origins, ttl, forward: 'listed' },
      { name: 'all', hosts: ['all.test'], origins, ttl, forward: 'all' },
      { name: 'cookies', hosts: ['cookies.test'], origins, ttl, forwardFields: ['cookie'] },
    ],
  }
}

const under = withPolicies(POLICIES, configOf)

type Identify = (name: string) => Record<string, string>

const IDENTITIES: Readonly<Record<string, Identify>> = {
  'by nothing we see': () => ({}),
  'by Authorization': (name) => ({ Authorization: `Bearer ${name}` }),
  'by Cookie': (name) => ({ Cookie: `id=${name}` }),
  'by both': (name) => ({ Authorization: `Bearer ${name}`, Cookie: `id=${name}` }),
}

interface Combination {
  readonly spelling: Spelling
  readonly identity: string
  readonly site: Site
}

function combine(
  spellings: readonly Spelling[],
  identities: readonly string[],
  sites: readonly Site[],
): readonly Combination[] {
  return spellings.flatMap((spelling) =>
    identities.flatMap((identity) => sites.map((site) => ({ spelling, identity, site }))),
  )
}

/** Combinations in which others got what A was given: who asked later, whole or in part, or at once. */
interface Leaks {
  readonly later: string[]
  readonly atOnce: string[]
}

const NONE: Leaks = { later: [], atOnce: [] }

async function findLeaks(attacked: Attacked, combinations: readonly Combination[]): Promise<Leaks> {
  let pageCount = 0
  const spellings = new Map<string, Spelling>()
  attacked.origin.answer(({ target }) => {
    // No two are alike, so that a page says which request it was made for.
    const page = `page ${++pageCount}`
    const lines = ['Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT', `ETag: "${page}"`]
    return wire(200, [...lines, ...(spellings.get(target.replace(/-.*/, '')) ?? [])], `<${page}>`)
  })
  const leaks: Leaks = { later: [], atOnce: [] }
  await concurrently(combinations, 8, async ({ spelling, identity, site }) => {
    const path = `/pages/${++pathCount}`
    spellings.set(path, spelling)
    const identify = IDENTITIES[identity] ?? (() => ({}))
    const ask = async (target: string, name?: string, range?: string) => {
      const headers = { Host: `${site}.test`, ...(name === undefined ? {} : identify(name)) }
      const options = range === undefined ? { headers } : { headers, range }
      return (await attacked.get(target, options)).text
    }
    const [a, b, c] = [
      await ask(`${path}-1`, 'a'),
      await ask(`${path}-1`, 'b'),
      await ask(`${path}-1`),
    ]
    const part = await ask(`${path}-1`, 'b', 'bytes=1-')
    const together = await Promise.all([
      ask(`${path}-2`, 'a'),
      ask(`${path}-2`, 'b'),
      ask(`${path}-2`),
    ])
    const what = `${identity} on ${site}: ${spelling.join(' | ')}`
    if (b === a || c === a || a.endsWith(part)) leaks.later.push(what)
    if (new Set(together).size < together.length) leaks.atOnce.push(what)
  })
  return leaks
}

const ANYHOW = Object.keys(IDENTITIES)
/** All under the default, and under the other those that differ most. */
function anyhowUnder(policy: string): readonly string[] {
  return policy === 'careful' ? ANYHOW : ['by nothing we see', 'by both']
}

const KNOWN = ['by Authorization', 'by both']

describe.each(POLICIES)('what was for one reader, under %s (T-38)', (policy) => {
  it('is for no other where its fields forbid, in any spelling (RFC 9111 §5.2.2)', async () => {
    const combinations = combine(FORBIDDEN, anyhowUnder(policy), ['listed', 'all'])
    expect(await findLeaks(under(policy), combinations)).toEqual(NONE)
  })

  it('is for no other where it is said of no field that could be', async () => {
    const combinations = combine(MISQUALIFIED, ['by nothing we see', 'by Authorization'], ['all'])
    expect(await findLeaks(under(policy), combinations)).toEqual(NONE)
  })

  it('is for no other where it is said of a field: at least not that field', async () => {
    const attacked = under(policy)
    const spellings = new Map(QUALIFIED.map((lines, i) => [`/qualified-${i}`, lines]))
    attacked.origin.answer(({ target, header }) => {
      const secret = `X-Secret: secret of ${header('accept-language') ?? 'nobody'}`
      return wire(200, [...(spellings.get(target) ?? []), secret, 'ETag: "e"'], 'for all')
    })
    const shown: string[] = []
    for (const [target, lines] of spellings) {
      for (const name of ['a', 'b', undefined]) {
        const headers = name === undefined ? {} : { 'Accept-Language': name }
        const got = await attacked.get(target, { headers: { Host: 'listed.test', ...headers } })
        const secret = got.header('x-secret')
        const isOwn = secret === undefined || secret === `secret of ${name ?? 'nobody'}`
        if (!isOwn || (policy === 'careful' && got.isHit)) shown.push(`${lines.join()}: ${secret}`)
      }
    }
    expect(shown).toEqual([])
  })

  it.each(FORBIDDEN_OBSCURELY)('is for no other where it is hard to see: %s', async (...lines) => {
    const combinations = combine([lines], ['by nothing we see'], ['listed'])
    expect(await findLeaks(under(policy), combinations)).toEqual(NONE)
  })

  it('is for no other if it was asked for with Authorization (RFC 9111 §3.5)', async () => {
    const combinations = combine(UNSAID, KNOWN, SITES)
    expect(await findLeaks(under(policy), combinations)).toEqual(NONE)
  })

  it('is for no other if it was asked for with a Cookie that was sent on', async () => {
    const combinations = combine(UNSAID, ['by Cookie'], ['all', 'cookies'])
    expect(await findLeaks(under(policy), combinations)).toEqual(NONE)
  })

  it('is for no other without a question to the origin if it is never fresh', async () => {
    const combinations = combine(NEVER_FRESH, anyhowUnder(policy), ['listed', 'all'])
    const { later, atOnce } = await findLeaks(under(policy), combinations)
    expect(later).toEqual([])
    // Who asks at once may share one answer, unless anything they sent tells them apart at the origin.
    expect(atOnce.filter((what) => !/nothing we see|Cookie on listed/.test(what))).toEqual([])
  })
})

/** Fields of a 304 to A that B, or who asked at the same time, was shown too. */
async function findLeaksOf304(
  attacked: Attacked,
  spellings: readonly Spelling[],
): Promise<readonly string[]> {
  let askedCount = 0
  const linesOf = new Map<string, Spelling>()
  attacked.origin.answer(({ target, header }) => {
    const first = ['Cache-Control: max-age=0', 'ETag: "e"']
    if (header('if-none-match') === undefined) return wire(200, first, 'for all')
    return wireHead(304, [...(linesOf.get(target) ?? []), `X-For: ${++askedCount}`, 'ETag: "e"'])
  })
  const leaks: string[] = []
  await concurrently(spellings, 8, async (lines) => {
    const target = `/freshened/${++pathCount}`
    linesOf.set(target, lines)
    const headers = { Host: 'all.test' }
    const ask = async () => await attacked.get(target, { headers })
    await ask()
    const answers = [await ask(), await ask(), ...(await Promise.all([ask(), ask()]))]
    const seen = answers.map(({ header }) => header('x-for')).filter((count) => count !== undefined)
    if (new Set(seen).size < seen.length) leaks.push(`${lines.join(' | ')}: ${seen.join()}`)
  })
  return leaks
}

describe.each(POLICIES)('what a 304 brought one reader, under %s (T-38)', (policy) => {
  it('is for no other where its fields forbid (RFC 9111 §4.3.4)', async () => {
    const spellings = [...FORBIDDEN, ...MISQUALIFIED, ...FORBIDDEN_OBSCURELY]
    const more = policy === 'careful' ? [...WITH_COOKIE, ...WITH_COOKIE_OBSCURELY] : []
    expect(await findLeaksOf304(under(policy), [...spellings, ...more])).toEqual([])
  })
})

describe('what came with Set-Cookie, under careful (T-38)', () => {
  it('is for no other', async () => {
    const combinations = combine(WITH_COOKIE, ANYHOW, SITES)
    expect(await findLeaks(under('careful'), combinations)).toEqual(NONE)
  })

  it.each(WITH_COOKIE_OBSCURELY)(
    'is for no other where it is hard to see: %s',
    async (...lines) => {
      const combinations = combine([lines], ['by nothing we see'], ['listed'])
      expect(await findLeaks(under('careful'), combinations)).toEqual(NONE)
    },
  )
})

describe('a page that a URL makes look like a file (T-37)', () => {
  const DELIMITERS =
    '/ ; , : . ! $ & + = @ ~ | ^ * // /; /. %23 %3f %3b %2f %2c %20 %26 %5c %7c ;.. /..%2f %252f %2500 ? ?/'
  const EXTENSIONS = 'css js png jpg gif ico svg woff2 pdf avif'
  const PREFIXES = ['', '/static', '/static/..%2f..', '/static//']

  it.each([
    ['careful', 'listed'],
    ['careful', 'all'],
    ['rfc', 'all'],
    ['rfc', 'cookies'],
  ])('is for nobody but who it was made for, under %s on the site %s', async (policy, site) => {
    const attacked = under(policy)
    attacked.origin.answer((request) => {
      const who = request.header('cookie') ?? request.header('authorization') ?? 'nobody'
      const lines = ['Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT', 'Content-Type: text/html']
      return wire(200, lines, `account of ${who}`)
    })
    const targets = DELIMITERS.split(' ').flatMap((delimiter, i) =>
      EXTENSIONS.split(' ').map((extension, j) => {
        const prefix = PREFIXES[(i + j) % PREFIXES.length] ?? ''
        return `${prefix}/account${delimiter}x.${extension}`
      }),
    )
    expect(targets.length).toBeGreaterThanOrEqual(300)
    const shown: string[] = []
    await concurrently(targets, 8, async (target, i) => {
      const headers = { Host: `${site}.test` }
      const own: Record<string, string> =
        i % 2 === 0 ? { Cookie: 'id=victim' } : { Authorization: 'Bearer victim' }
      const victim = await attacked.get(target, { headers: { ...headers, ...own } })
      const attacker = await attacked.get(target, { headers })
      if (attacker.status !== victim.status || /victim/.test(attacker.text)) shown.push(target)
    })
    expect(shown).toEqual([])
  })
})
