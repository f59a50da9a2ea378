import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { Asked } from '#core/entry/asked.ts'
import { cacheKeyOf } from '#core/entry/cache-key.ts'
import type { ReadOptions } from '#core/flow/read-request.ts'
import { readHead, readRequest } from '#core/flow/read-request.ts'
import type { Site } from '#core/flow/site.ts'
import { findTargetProblem, normaliseHost } from '#core/http/target.ts'
import type { UpstreamRequest } from '#core/ports/upstream.ts'

import type { SiteModel } from '../../../support/keyed-sites.ts'
import { SITE_MODELS, expectedTarget, forwardedView } from '../../../support/keyed-sites.ts'
import { compiledSites } from '../../../support/compiled-sites.ts'
import { createRecordingServe } from '../../../support/recording-serve.ts'
import type { RequestParts } from '../../../support/request-pairs.ts'
import {
  CANARY,
  mutated,
  mutationLists,
  rawRequestOf,
  requestParts,
} from '../../../support/request-pairs.ts'

/** `SLUICE_FUZZ_SEED=4711 SLUICE_FUZZ_PAIRS=1000000` looks elsewhere, and for longer. */
const PAIR_COUNT = Number(process.env['SLUICE_FUZZ_PAIRS'] ?? 100_000)
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? 20_261_120)
/** Of each request. */
const MUTANT_COUNT = 20
const TIMEOUT_MS = 600_000

const READ_OPTIONS: ReadOptions = {
  limits: { maxTargetBytes: 4096, maxFieldBytes: 8192, maxFieldCount: 100 },
  scheme: 'http',
  name: 'sluice',
}

const recording = createRecordingServe()
const sites = compiledSites({ sites: SITE_MODELS.map(({ config }) => config) }, recording.upstream)

interface Sent {
  readonly asked: Asked
  readonly request: UpstreamRequest
}

async function send(parts: RequestParts, site: Site): Promise<Sent> {
  const head = readHead(rawRequestOf(parts), READ_OPTIONS)
  const asked = head.kind === 'refused' ? head : readRequest(head, site)
  if ('kind' in asked) throw new Error(`Cannot ask: ${asked.reason}`)
  return { asked, request: await recording.serve(asked, site) }
}

/** Ranges, conditions, credentials and trace context may differ (RFC 9111 §4.3.1, §3.5). */
const FREE_NAMES = /^(?:range|if-.*|authorization|traceparent|tracestate)$/

/** The bytes of an origin request but for what may differ. */
function bytesOf({ method, target, authority, fields }: UpstreamRequest): string {
  const lines = [`${method} ${target}`, `host: ${authority ?? 'its own'}`]
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (FREE_NAMES.test(name)) continue
    // Via tells which version was received (RFC 9110 §7.6.3).
    const value = (fields[i + 1] ?? '').replace(/1\.[01] sluice$/, 'sluice')
    lines.push(`${name}: ${value}`)
  }
  return lines.join('\r\n')
}

/** What a key says, read back: the encoding is injective if and only if there is a way back. */
function decodeKey(key: string): readonly string[] {
  return /^([^\n]*)\n([^/\n]*)(\/[^\n]*)$/.exec(key)?.slice(1) ?? []
}

/** As `toBe`, without its price where it holds: there are hundreds of thousands. */
function expectSame(actual: string | undefined, expected: string | undefined): void {
  if (actual === expected) return
  expect(actual).toBe(expected)
}

function siteOf(model: SiteModel): Site {
  const site = sites.find(({ name }) => name === model.config.name)
  if (site === undefined) throw new Error(`Cannot find site "${model.config.name}"`)
  return site
}

/** The authority that the origin is sent, and the one that is keyed. */
function expectedAuthorities(parts: RequestParts, { config }: SiteModel) {
  const { canonical } = parts.authority
  if (config.host === 'client') return { sent: canonical, keyed: canonical }
  return { sent: config.host === 'origin' ? undefined : config.host, keyed: '' }
}

/** What holds of one request alone. */
function checkOne(parts: RequestParts, model: SiteModel, { asked, request }: Sent): void {
  const { sent, keyed } = expectedAuthorities(parts, model)
  expectSame(request.key, asked.key)
  const said = [model.config.name, keyed, request.target]
  expectSame(decodeKey(asked.key).join(' '), said.join(' '))
  expectSame(request.authority, sent)
  const isHooked = model.config.hooks?.key !== undefined
  expectSame(request.target, isHooked ? request.target : expectedTarget(parts, model))
  expectSame(
    request.fields.find((text) => text.includes(CANARY)),
    undefined,
  )
}

interface Shares {
  pairCount: number
  sameKeyCount: number
  sameFieldsCount: number
}

function checkPair(a: Sent, b: Sent, isSameView: boolean, shares: Shares): void {
  shares.pairCount++
  const where = ({ request }: Sent) => `${request.authority ?? ''}${request.target}`
  expectSame(String(a.asked.key === b.asked.key), String(where(a) === where(b)))
  if (a.asked.key !== b.asked.key) return
  shares.sameKeyCount++
  if (!isSameView) return
  shares.sameFieldsCount++
  expectSame(bytesOf(b.request), bytesOf(a.request))
}

/** Checks pairs of a request and a mutant of it, and counts how alike they were. */
async function checkPairs(pairCount: number): Promise<Shares> {
  const shares: Shares = { pairCount: 0, sameKeyCount: 0, sameFieldsCount: 0 }
  const mutants = fc.array(mutationLists, { minLength: MUTANT_COUNT, maxLength: MUTANT_COUNT })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...SITE_MODELS),
      requestParts,
      mutants,
      async (model, parts, lists) => {
        const site = siteOf(model)
        const base = await send(parts, site)
        checkOne(parts, model, base)
        const view = forwardedView(parts, model)
        for (const mutations of lists) {
          const other = mutated(parts, mutations)
          const sent = await send(other, site)
          checkOne(other, model, sent)
          checkPair(base, sent, view === forwardedView(other, model), shares)
        }
      },
    ),
    { numRuns: pairCount / MUTANT_COUNT, seed: SEED },
  )
  return shares
}

describe('two GET requests with one key', () => {
  it(
    'cause the same origin request, byte for byte, where forwarded fields are the same (T-30)',
    async () => {
      const { pairCount, sameKeyCount, sameFieldsCount } = await checkPairs(PAIR_COUNT)
      console.log(
        `${pairCount} pairs, ${percent(sameKeyCount, pairCount)} with equal keys, ` +
          `${percent(sameFieldsCount, pairCount)} with equal forwarded fields too`,
      )
      expect(pairCount).toBe(PAIR_COUNT)
      expect(sameKeyCount / pairCount).toBeGreaterThanOrEqual(0.3)
      expect(sameFieldsCount / pairCount).toBeGreaterThanOrEqual(0.2)
    },
    TIMEOUT_MS,
  )
})

describe('cacheKeyOf', () => {
  const site = fc.stringMatching(/^[0-9A-Za-z._-]{1,6}$/)
  const host = fc.stringMatching(/^[0-9a-z.:[\]-]{0,6}$/)
  const authority = host.map((text) => normaliseHost(text, 80) ?? '')
  const target = fc.stringMatching(/^\/[!-~]{0,8}$/)

  it('can be read back, so that no two requests that differ have one key (T-31, T-33)', () => {
    fc.assert(
      fc.property(site, authority, target, (name, sent, asked) => {
        fc.pre(findTargetProblem(asked) === undefined)
        expect(decodeKey(cacheKeyOf(name, sent, asked))).toEqual([name, sent, asked])
      }),
      { numRuns: 5000 },
    )
  })
})

function percent(count: number, of: number): string {
  return `${((100 * count) / of).toFixed(1)} %`
}
