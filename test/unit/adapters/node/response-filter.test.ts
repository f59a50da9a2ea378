import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { ResponseFilter } from '../../../../src/adapters/node/response-filter.ts'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const BARE = 'HTTP/1.0 100\r\nX-A: b\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
/** Its body looks like what is taken out before it. */
const FINAL = `HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n${CONTINUE}`

function passed(parts: readonly string[], cuts: readonly number[]): string {
  const bytes = Buffer.from(parts.join(''), 'latin1')
  const filter = new ResponseFilter()
  filter.expectHead()
  let text = ''
  const ends = [...cuts.map((cut) => cut % bytes.byteLength), bytes.byteLength]
  let start = 0
  for (const end of ends.toSorted((a, b) => a - b)) {
    if (end > start) text += filter.pass(bytes.subarray(start, end))?.toString('latin1') ?? ''
    start = Math.max(start, end)
  }
  return text
}

describe('ResponseFilter', () => {
  it('takes out every 100 before the final response, and nothing else, however it is cut', () => {
    const heads = fc.array(fc.constantFrom(CONTINUE, BARE, HINTS), { maxLength: 6 })
    const cuts = fc.array(fc.nat(), { maxLength: 12 })
    fc.assert(
      fc.property(heads, cuts, (interim, at) => {
        const left = interim.filter((head) => head === HINTS)
        expect(passed([...interim, FINAL], at)).toBe([...left, FINAL].join(''))
      }),
      { numRuns: 2000 },
    )
  })

  it('passes what is no interim response', () => {
    for (const text of ['HTTP/1.1 200 OK\r\n', 'HTTP/2 200 OK', 'x', FINAL]) {
      expect(passed([text], [])).toBe(text)
    }
  })

  it('tells the version of the final head', () => {
    for (const version of ['1.0', '1.1', '2.0']) {
      const filter = new ResponseFilter()
      filter.expectHead()
      filter.pass(Buffer.from(CONTINUE))
      filter.pass(Buffer.from(`HTTP/${version} 20`))
      filter.pass(Buffer.from('0 OK\r\n\r\n'))
      expect(filter.version).toBe(version)
    }
  })

  it('lets the eleventh 100 by, for the parser to refuse', () => {
    expect(passed([CONTINUE.repeat(12), FINAL], [])).toBe(CONTINUE.repeat(2) + FINAL)
  })

  it('touches nothing before a request has gone out, nor after its final head', () => {
    const filter = new ResponseFilter()
    expect(filter.pass(Buffer.from(CONTINUE))?.toString()).toBe(CONTINUE)
    filter.expectHead()
    expect(filter.pass(Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'))).toBeDefined()
    expect(filter.pass(Buffer.from(CONTINUE))?.toString()).toBe(CONTINUE)
  })
})
