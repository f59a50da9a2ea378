import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { chooseCoding } from '#core/http/accept-encoding.ts'
import type { CodingClass } from '#core/http/accept-encoding.ts'
import { parseContentRange, parseRange, resolveRanges } from '#core/http/byte-range.ts'
import { parseRequestDirectives, parseResponseDirectives } from '#core/http/cache-control.ts'
import { parseGroups } from '#core/http/cache-groups.ts'
import { parseContentMd5, parseReprDigest, parseS3Checksum } from '#core/http/digest-fields.ts'
import { parseEntityTag, parseEntityTagList } from '#core/http/entity-tag.ts'
import { connectionOptions, isAbusiveConnection } from '#core/http/hop-by-hop.ts'
import { parseHttpDate } from '#core/http/http-date.ts'
import { isToken, splitList, splitOutsideQuotes, trimWhitespace } from '#core/http/list.ts'
import { countLoops } from '#core/http/loop.ts'
import { parseNoVarySearch, reducedQuery, varianceText } from '#core/http/no-vary-search.ts'
import { holdsIfRange, holdsUnmodified, isNotModified } from '#core/http/preconditions.ts'
import type { Preconditions, Validators } from '#core/http/preconditions.ts'
import { findTargetProblem, normaliseHost, pathOf, queryOf } from '#core/http/target.ts'
import { parseTargeted } from '#core/http/targeted.ts'
import { formatTraceparent, parseTraceparent } from '#core/http/traceparent.ts'
import { parseVary } from '#core/http/vary.ts'

import { LONG_TEXTS, anyText } from '../../../support/near-misses.ts'

const NOW_MS = Date.UTC(2026, 10, 20)
const DATES = [
  'Sun, 06 Nov 1994 08:49:37 GMT',
  'Sunday, 06-Nov-94 08:49:37 GMT',
  'Sun Nov  6 08:49:37 1994',
]
const MAX_DELTA_SECONDS = 2_147_483_648

interface Parser {
  readonly name: string
  /** What is right, to be changed a little. */
  readonly samples: readonly string[]
  /** Parses, and says whether what came out is something that may come out. */
  isSound(text: string): boolean
}

function isCount(value: number | undefined): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value >= 0)
}

function isDelta(seconds: number | undefined): boolean {
  return seconds === undefined || (isCount(seconds) && seconds <= MAX_DELTA_SECONDS)
}

/** Milliseconds of whole seconds, or no limit at all. */
function isWindow(ms: number): boolean {
  return Math.abs(ms) === Infinity || isDelta(ms / 1000)
}

const CODINGS: readonly CodingClass[] = ['zstd', 'br', 'gzip']

const OF_LISTS: readonly Parser[] = [
  {
    name: 'splitList and splitOutsideQuotes',
    samples: ['a, b;c="d, e", "f\\"g"', ',,a ,\tb'],
    isSound: (text) =>
      [...splitList(text), ...splitOutsideQuotes(text, ';')].every(
        (member) => member !== '' && member === trimWhitespace(member) && text.includes(member),
      ),
  },
  {
    name: 'chooseCoding',
    samples: ['gzip, br;q=0.5, *;q=0', 'x-gzip', 'zstd ; q=1.000'],
    isSound: (text) => [...CODINGS, 'identity'].includes(chooseCoding(text, CODINGS)),
  },
  {
    name: 'parseRequestDirectives',
    samples: ['no-cache, max-age=0', 'max-stale, min-fresh="5"', 'stale-if-error=99999999999'],
    isSound(text) {
      const asked = parseRequestDirectives(text)
      const windows = [asked.maxAgeMs, asked.minFreshMs, asked.maxStaleMs, asked.staleIfErrorMs]
      return windows.every(isWindow)
    },
  },
  {
    name: 'parseResponseDirectives',
    samples: ['max-age=60, private="set-cookie, a"', 's-maxage=1,no-store', 'public, ext="a\\"b"'],
    isSound(text) {
      const said = parseResponseDirectives(text)
      const fields = [...said.noCacheFields, ...said.privateFields]
      return (
        [said.maxAgeSeconds, said.sMaxAgeSeconds].every(isDelta) &&
        [said.staleWhileRevalidateSeconds, said.staleIfErrorSeconds].every(isDelta) &&
        fields.every((name) => isToken(name) && name === name.toLowerCase())
      )
    },
  },
  {
    name: 'parseTargeted',
    samples: ['max-age=60, private', 'max-age=60.0;a, no-store=?0', 's-maxage="1", x=(a b)'],
    isSound(text) {
      const said = parseTargeted(text)
      return said === undefined || [said.maxAgeSeconds, said.sMaxAgeSeconds].every(isCount)
    },
  },
  {
    name: 'parseGroups',
    samples: ['"a", "b";x=1', '"a\\"b"', 'token, "a"', '("a" "b")'],
    isSound: (text) => {
      const groups = parseGroups(text)
      return new Set(groups).size === groups.length && groups.every((name) => !/[^ -~]/.test(name))
    },
  },
  {
    name: 'parseReprDigest, parseContentMd5 and parseS3Checksum',
    samples: [
      'sha=:qvTGHdzF6KLavt4PO0gs2a6pQ00=:;x, md5=:XrY7u+Ae7tCTyyK7j1rNww==:',
      'XrY7u+Ae7tCTyyK7j1rNww==',
      'DUoRhQ==-7',
    ],
    isSound: (text) =>
      [...parseReprDigest(text), parseContentMd5(text), parseS3Checksum('crc32', text)].every(
        (digest) => digest === undefined || /^(?:[0-9a-f]{2})+$/.test(digest.hex),
      ),
  },
  {
    name: 'parseNoVarySearch',
    samples: ['key-order, params=("a" "b")', 'params, except=("a+b" "%61")', 'params=?0, x=1'],
    isSound(text) {
      const variance = parseNoVarySearch(text)
      if (variance === undefined) return true
      const reduced = reducedQuery(`/a?${text}`, variance)
      return reduced.startsWith('[') && varianceText(variance).startsWith('[')
    },
  },
  {
    name: 'connectionOptions',
    samples: ['close, keep-alive', 'Upgrade,,TE', 'close, host'],
    isSound: (text) =>
      [...connectionOptions(text)].every((name) => name === name.toLowerCase()) &&
      typeof isAbusiveConnection(connectionOptions(text)) === 'boolean',
  },
  {
    name: 'countLoops',
    samples: ['sluice', 'a;v="sluice", sluice;x', 'other, SLUICE'],
    isSound: (text) => isCount(countLoops(text, 'sluice')),
  },
  {
    name: 'parseVary',
    samples: ['accept, X-Key', '*', 'a,,*;q', 'Accept-Encoding'],
    isSound(text) {
      const names = parseVary(text)
      return names === '*' || names.every((name, i) => i === 0 || name > (names[i - 1] ?? ''))
    },
  },
]

const OF_ITEMS: readonly Parser[] = [
  {
    name: 'parseHttpDate',
    samples: DATES,
    isSound(text) {
      const atMs = parseHttpDate(text, NOW_MS)
      // Years of four digits: from 0000 to 9999.
      return atMs === undefined || (atMs % 1000 === 0 && Math.abs(atMs) < 2.6e14)
    },
  },
  {
    name: 'parseRange',
    samples: ['bytes=0-99', 'bytes=-5, 7-', 'Bytes = 1-2,,3-4'],
    isSound(text) {
      const specs = parseRange(text)
      if (specs === undefined) return true
      const isEach = specs.every((spec) =>
        spec.kind === 'suffix'
          ? isCount(spec.suffixBytes)
          : isCount(spec.firstPos) && isCount(spec.lastPos),
      )
      const resolved = resolveRanges(specs, 1000)
      const spans = resolved.kind === 'span' ? [resolved.span] : []
      return (
        isEach && spans.every(({ startByte, endByte }) => startByte < endByte && endByte <= 1000)
      )
    },
  },
  {
    name: 'parseContentRange',
    samples: ['bytes 0-99/100', 'bytes 5-9/*', 'bytes */100'],
    isSound(text) {
      const range = parseContentRange(text)
      if (range?.span === undefined) return isCount(range?.completeLength)
      const { startByte, endByte } = range.span
      return startByte < endByte && endByte <= (range.completeLength ?? Infinity)
    },
  },
  {
    name: 'parseEntityTag and parseEntityTagList',
    samples: ['"a"', 'W/"a, b"', '"a", W/"b" ,"c"', '*'],
    isSound(text) {
      const list = parseEntityTagList(text)
      const tag = parseEntityTag(text)
      const tags = [...(list === '*' ? [] : list), ...(tag === undefined ? [] : [tag])]
      return tags.every(
        ({ opaque }) => /^"[!#-~\x80-\xff]*"$/.test(opaque) && text.includes(opaque),
      )
    },
  },
  {
    name: 'the preconditions',
    samples: ['"a"', 'W/"a"', '*', '"x", "a"', ...DATES],
    isSound(text) {
      const validators: Validators = {
        etag: { weak: false, opaque: '"a"' },
        lastModifiedMs: Date.UTC(1994, 10, 6, 8, 49, 37),
        dateMs: NOW_MS,
      }
      const asked: Preconditions = {
        ifMatch: text,
        ifNoneMatch: text,
        ifModifiedSince: text,
        ifUnmodifiedSince: text,
        ifRange: text,
      }
      const dated = { ...asked, ifMatch: undefined, ifNoneMatch: undefined }
      return [asked, dated].every((each) =>
        [
          isNotModified(each, validators, NOW_MS),
          holdsUnmodified(each, validators, NOW_MS),
          holdsIfRange(each.ifRange, validators, NOW_MS),
        ].every((verdict) => typeof verdict === 'boolean'),
      )
    },
  },
  {
    name: 'findTargetProblem, pathOf and queryOf',
    samples: ['/a/b?c=d', '/a/../b', '/%2e%2E/', '/a?b?c'],
    isSound(text) {
      const query = queryOf(text)
      const isWhole = text === (query === undefined ? pathOf(text) : `${pathOf(text)}?${query}`)
      return isWhole && (findTargetProblem(text) !== undefined || /^\/[!-~]*$/.test(text))
    },
  },
  {
    name: 'normaliseHost',
    samples: ['a.example:80', '[2001:db8::1]:443', 'A.Example.', '127.0.0.1:0080'],
    isSound(text) {
      const host = normaliseHost(text, 80)
      return host === undefined || (normaliseHost(host, 80) === host && /^[!-~]+$/.test(host))
    },
  },
  {
    name: 'parseTraceparent',
    samples: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
    isSound(text) {
      const trace = parseTraceparent(text)
      return trace === undefined || text.startsWith(formatTraceparent(trace).slice(0, 53))
    },
  },
]

describe.each([...OF_LISTS, ...OF_ITEMS])('$name', ({ samples, isSound }) => {
  it('never throws, and gives nothing odd, whatever the text', () => {
    fc.assert(
      fc.property(anyText(samples), (text) => {
        expect(isSound(text)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('takes time in proportion to a long text', () => {
    for (const text of [
      ...LONG_TEXTS,
      ...samples.map((sample) => sample + (LONG_TEXTS[0] ?? '')),
    ]) {
      const startedAtMs = performance.now()
      isSound(text)
      expect(performance.now() - startedAtMs).toBeLessThan(1000)
    }
  })
})
