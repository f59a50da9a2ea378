import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { RawRequest } from '#core/entry/asked.ts'
import type { ReadOptions } from '#core/flow/read-request.ts'
import { readHead, readRequest } from '#core/flow/read-request.ts'
import { isToken } from '#core/http/list.ts'

import { compiledSites } from '../../../support/compiled-sites.ts'
import { SITE_MODELS } from '../../../support/keyed-sites.ts'
import { anyText } from '../../../support/near-misses.ts'
import { createRecordingServe } from '../../../support/recording-serve.ts'

const READ_OPTIONS: ReadOptions = {
  limits: { maxTargetBytes: 200, maxFieldBytes: 300, maxFieldCount: 10 },
  scheme: 'http',
  name: 'sluice',
}

const { upstream } = createRecordingServe()
const SITES = compiledSites({ sites: SITE_MODELS.map(({ config }) => config) }, upstream)

/** One of these most of the time, else something odd. */
function mostly(plain: readonly string[], weight: number): fc.Arbitrary<string> {
  return fc.oneof(
    { weight, arbitrary: fc.constantFrom(...plain) },
    { weight: 1, arbitrary: anyText(plain) },
  )
}

const NAMES = ['Accept', 'X-Key', 'Range', 'If-None-Match', 'Cache-Control', 'Via']
const VALUES = ['text/html', 'bytes=0-1', 'W/"a"', 'no-cache, max-age=0', '1.1 a']

const requests: fc.Arbitrary<RawRequest> = fc.record({
  method: mostly(['GET', 'GET', 'HEAD', 'POST'], 10),
  target: mostly(['/a/b?c=d', '/', '/a;b?%20&utm_source=x'], 3),
  httpVersion: mostly(['1.1', '1.0'], 20),
  lines: fc
    .array(fc.tuple(mostly(NAMES, 10), mostly(VALUES, 6)), { maxLength: 4 })
    .map((pairs) => ['Host', 'a.example:80', ...pairs.flat()]),
  body: fc.constant(undefined),
})

describe('readHead and readRequest', () => {
  it('refuse with a status of four or five hundred, or read what any writer takes', () => {
    let readCount = 0
    fc.assert(
      fc.property(requests, fc.constantFrom(...SITES), (raw, site) => {
        const head = readHead(raw, READ_OPTIONS)
        const read = head.kind === 'refused' ? head : readRequest(head, site)
        if ('kind' in read) return read.status >= 400 && read.status < 600
        readCount++
        const names = read.fields.filter((_, i) => i % 2 === 0)
        const values = read.fields.filter((_, i) => i % 2 === 1)
        return (
          names.every((name) => isToken(name) && name === name.toLowerCase()) &&
          values.every((value) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value)) &&
          /^\/[!-~]*$/.test(read.target) &&
          read.key.endsWith(read.target) &&
          !read.key.slice(site.name.length + 1).includes('\n')
        )
      }),
      { numRuns: 5000 },
    )
    expect(readCount).toBeGreaterThan(1000)
  })
})
