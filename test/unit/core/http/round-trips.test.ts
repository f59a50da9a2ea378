import * as fc from 'fast-check'
import { Token, isValidTokenStr, parseList } from 'structured-headers'
import type { BareItem } from 'structured-headers'
import { describe, expect, it } from 'vitest'

import {
  formatContentRange,
  formatRange,
  formatUnsatisfiedRange,
  parseContentRange,
  parseRange,
} from '#core/http/byte-range.ts'
import { formatCacheStatus } from '#core/http/cache-status.ts'
import type { CacheStatus } from '#core/http/cache-status.ts'
import { parseEntityTagList } from '#core/http/entity-tag.ts'
import { formatHttpDate, parseHttpDate } from '#core/http/http-date.ts'
import { splitList } from '#core/http/list.ts'
import { appendMember, countLoops, formatVia } from '#core/http/loop.ts'
import { conditionalFields } from '#core/policy/validation.ts'

import { printable, token } from '../../../support/near-misses.ts'
import { testBody, testHead, testKey } from '../../../support/stored.ts'

const NOW_MS = Date.UTC(2026, 10, 20)
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

describe('parseHttpDate', () => {
  it('reads the older two forms of any instant within fifty years as the first (RFC 9110 §5.6.7)', () => {
    const fiftyYears = { min: new Date(Date.UTC(1977, 0, 1)), max: new Date(Date.UTC(2076, 0, 1)) }
    fc.assert(
      fc.property(fc.date({ ...fiftyYears, noInvalidDate: true }), (date) => {
        const atMs = Math.floor(date.getTime() / 1000) * 1000
        const imf = formatHttpDate(atMs)
        const [, day = '', month = '', year = '', time = ''] = imf.split(' ')
        const weekday = DAYS[new Date(atMs).getUTCDay()] ?? ''
        const rfc850 = `${weekday}, ${day}-${month}-${year.slice(2)} ${time} GMT`
        const asctime = `${weekday.slice(0, 3)} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`
        for (const text of [imf, rfc850, asctime]) expect(parseHttpDate(text, NOW_MS)).toBe(atMs)
      }),
    )
  })
})

describe('ranges', () => {
  it('are read as they were written (RFC 9110 §14.2, §14.4)', () => {
    const spans = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 2 ** 40 }), fc.nat())
    fc.assert(
      fc.property(spans, ([startByte, lengthBytes, restBytes]) => {
        const endByte = startByte + lengthBytes
        const completeLength = endByte + restBytes
        expect(parseRange(formatRange(startByte, endByte))).toEqual([
          { kind: 'from', firstPos: startByte, lastPos: endByte - 1 },
        ])
        expect(parseRange(formatRange(startByte, undefined))).toEqual([
          { kind: 'from', firstPos: startByte, lastPos: undefined },
        ])
        const span = { startByte, endByte }
        expect(parseContentRange(formatContentRange(span, completeLength))).toEqual({
          span,
          completeLength,
        })
        expect(parseContentRange(formatUnsatisfiedRange(completeLength))).toEqual({
          span: undefined,
          completeLength,
        })
      }),
    )
  })
})

describe('entity tags', () => {
  const tag = fc.record({
    weak: fc.boolean(),
    opaque: fc.stringMatching(/^"[!#-~]{0,8}"$/),
  })

  it('go to the origin in If-None-Match as they came, each once (RFC 9110 §13.1.2)', () => {
    fc.assert(
      fc.property(fc.array(tag, { minLength: 1, maxLength: 5 }), (tags) => {
        const variants = tags.map((etag) => {
          const validators = { etag, lastModifiedMs: undefined, dateMs: undefined }
          return testHead(testKey('a'), testBody('a'), { validators, fields: [] })
        })
        const [selected] = variants
        if (selected === undefined) throw new Error('Cannot happen')
        const [name, value = ''] = conditionalFields(selected, variants)
        expect(name).toBe('if-none-match')
        const sent = parseEntityTagList(value)
        const distinct = new Map(tags.map((etag) => [JSON.stringify(etag), etag]))
        expect(sent).toEqual([...distinct.values()])
      }),
    )
  })
})

/** What an Item says, with Tokens and Strings told apart. */
function saidBy(item: BareItem | undefined): unknown {
  return item instanceof Token ? { token: item.toString() } : item
}

function isToken(text: string): boolean {
  return isValidTokenStr(text)
}

describe('a member of Cache-Status', () => {
  const reason = fc.constantFrom('uri-miss', 'vary-miss', 'stale', 'request', 'partial', 'bypass')
  const status: fc.Arbitrary<CacheStatus> = fc
    .record({
      hit: fc.boolean(),
      forward: reason,
      forwardStatus: fc.option(fc.integer({ min: 200, max: 599 }), { nil: undefined }),
      ttlSeconds: fc.option(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), { nil: undefined }),
      stored: fc.boolean(),
      collapsed: fc.boolean(),
      detail: fc.option(printable, { nil: undefined }),
    })
    .map(({ forwardStatus, ttlSeconds, detail, ...rest }) => ({
      ...rest,
      ...(forwardStatus !== undefined && { forwardStatus }),
      ...(ttlSeconds !== undefined && { ttlSeconds }),
      ...(detail !== undefined && { detail }),
    }))

  it('is read by another parser as what it says, behind those of other caches (RFC 9211 §2)', () => {
    const names = fc.oneof(
      token,
      printable.filter((name) => name !== ''),
    )
    const before = fc.array(names, { maxLength: 2 })
    fc.assert(
      fc.property(names, status, before, (name, said, others) => {
        let value: string | undefined
        for (const other of others) {
          value = appendMember(value, formatCacheStatus(other, { hit: true }))
        }
        const list = parseList(appendMember(value, formatCacheStatus(name, said)))
        expect(list).toHaveLength(others.length + 1)
        const [item, parameters] = list.at(-1) ?? []
        expect(saidBy(item as BareItem)).toEqual(isToken(name) ? { token: name } : name)
        const { hit, forward, forwardStatus, ttlSeconds, stored, collapsed, detail } = said
        const asItem = (text: string | undefined): unknown =>
          text !== undefined && isToken(text) ? { token: text } : text
        const read = (parameter: string): unknown => saidBy(parameters?.get(parameter))
        expect(read('hit')).toBe(hit ? true : undefined)
        expect(read('fwd')).toEqual(hit ? undefined : asItem(forward))
        expect(read('fwd-status')).toBe(forwardStatus)
        expect(read('ttl')).toBe(ttlSeconds)
        expect(read('stored')).toBe(stored === true ? true : undefined)
        expect(read('collapsed')).toBe(collapsed === true ? true : undefined)
        expect(read('detail')).toEqual(asItem(detail))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('Via and CDN-Loop', () => {
  it('keep the members of others, and add one (RFC 9110 §7.6.3, RFC 8586 §2)', () => {
    const member = fc.tuple(token, token).map(([version, name]) => `${version} ${name}`)
    fc.assert(
      fc.property(
        fc.array(member),
        fc.constantFrom('1.0', '1.1'),
        token,
        (members, version, name) => {
          const list = members.length === 0 ? undefined : members.join(', ')
          const via = appendMember(list, formatVia(version, name))
          expect(splitList(via)).toEqual([...members, `${version} ${name}`])
        },
      ),
    )
    fc.assert(
      fc.property(fc.array(token), token, (others, name) => {
        const list = others.length === 0 ? undefined : others.join(', ')
        const count = countLoops(list, name)
        expect(countLoops(appendMember(list, name), name)).toBe(count + 1)
      }),
    )
  })
})
