import { describe, expect, it } from 'vitest'

import { parseRangeParts } from '../../support/multipart-ranges.ts'

const TYPE = 'multipart/byteranges; boundary=b'
const PART = '--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-4/10\r\n\r\nhello'
const OTHER = '--b\r\nContent-Range: bytes 7-9/10\r\n\r\nbye'
const BODY = `${PART}\r\n${OTHER}\r\n--b--\r\n`

function parse(body: string, type = TYPE, isEnded = true) {
  return parseRangeParts(type, Buffer.from(body, 'latin1'), isEnded)
}

describe('parseRangeParts', () => {
  it.each([
    ['plainly', BODY, TYPE],
    ['behind a line end', `\r\n${BODY}`, TYPE],
    ['without the last line end', BODY.slice(0, -2), TYPE],
    ['with a boundary in quotes', BODY, 'multipart/byteranges; boundary="b"'],
  ])('reads parts %s (RFC 9110 §14.6)', (_, body, type) => {
    const parsed = parse(body, type)
    if ('problem' in parsed) throw new Error(parsed.problem)
    expect(parsed.isComplete).toBe(true)
    expect(parsed.parts.map(({ bytes, ...part }) => [bytes.toString(), part])).toEqual([
      ['hello', { first: 0, last: 4, lengthBytes: 10, contentType: 'text/plain' }],
      ['bye', { first: 7, last: 9, lengthBytes: 10, contentType: undefined }],
    ])
  })

  it('reads as much as there is of a body that broke off, after any of its bytes', () => {
    for (let lengthBytes = 0; lengthBytes < BODY.length - 2; lengthBytes += 1) {
      const parsed = parse(BODY.slice(0, lengthBytes), TYPE, false)
      if ('problem' in parsed) throw new Error(`after ${lengthBytes}: ${parsed.problem}`)
      expect(parsed.isComplete).toBe(false)
      const text = parsed.parts.map(({ bytes }) => bytes.toString()).join('')
      expect('hellobye'.startsWith(text)).toBe(true)
      expect(parse(BODY.slice(0, lengthBytes))).toHaveProperty('problem')
    }
  })

  it.each([
    ['no boundary in its type', BODY, 'multipart/byteranges'],
    ['another boundary', BODY, 'multipart/byteranges; boundary=c'],
    ['another type', BODY, 'multipart/mixed; boundary=b'],
    ['bare line feeds', BODY.replaceAll('\r\n', '\n'), TYPE],
    ['a part that is too long', BODY.replace('hello', 'hello!'), TYPE],
    ['a part that is too short', BODY.replace('hello', 'hell'), TYPE],
    ['a part that does not say where it is', BODY.replace('Content-Range', 'X'), TYPE],
    ['a part beyond its length', BODY.replace('7-9/10', '7-9/9'), TYPE],
    ['two fields of a name', BODY.replace('Content-Type: text/plain', 'Content-Range: a'), TYPE],
    ['something behind the last part', `${BODY}more`, TYPE],
    ['no parts', '--b--\r\n', TYPE],
    ['the boundary within a part', BODY.replace('hello', '--bxx'), TYPE],
  ])('says what is wrong: %s', (_, body, type) => {
    expect(parse(body, type)).toHaveProperty('problem')
  })
})
