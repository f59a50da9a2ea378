import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { formatEntry, parseEntry } from '../../../../src/adapters/node/disk-entry.ts'
import type { DiskEntry } from '../../../../src/adapters/node/disk-entry.ts'
import { testBody, testHead, testKey } from '../../../support/stored.ts'

const number = fc.oneof(
  fc.double(),
  fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0, 2 ** 42 + 1),
)
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('{"$":"undefined"}', '$', '"', '\\', '\ud800', '\u0000', '__proto__'),
)

const anyEtag = fc.record({ weak: fc.boolean(), opaque: text }, { noNullPrototype: true })

const entry: fc.Arbitrary<DiskEntry> = fc
  .record({
    name: text,
    variants: fc.array(
      fc.record({
        logPosition: fc.nat(),
        fields: fc.array(text),
        values: fc.array(text),
        bornAtMs: number,
        freshnessLifetimeMs: number,
        completeLength: fc.option(fc.nat(), { nil: undefined }),
        lastModifiedMs: fc.option(number, { nil: undefined }),
        etag: fc.option(anyEtag, { nil: undefined }),
      }),
      { maxLength: 4 },
    ),
  })
  .map(({ name, variants }) => ({
    key: testKey(name),
    variants: variants.map(({ logPosition, values, etag, lastModifiedMs, ...changes }) => ({
      logPosition,
      head: testHead(testKey(name), testBody(name), {
        ...changes,
        nominated: { names: values.map((_, i) => `x-${i}`), values },
        validators: { etag, lastModifiedMs, dateMs: undefined },
      }),
    })),
  }))

describe('formatEntry', () => {
  it('writes what parseEntry reads, exactly: Infinity, absence, any text', () => {
    fc.assert(
      fc.property(entry, (written) => {
        // Through bytes, as on disk; a lone surrogate is escaped and so survives them.
        const bytes = Buffer.from(formatEntry(written))
        expect(parseEntry(bytes.toString())).toStrictEqual(written)
      }),
      { numRuns: 500 },
    )
  })

  it('reads nothing from what is no entry', () => {
    for (const other of ['', '{', 'null', '1', '[]', '{}', '{"key":"a"}', '{"$":"Infinity"}']) {
      expect(parseEntry(other)).toBeUndefined()
    }
  })
})
