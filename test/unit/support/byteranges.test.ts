import { describe, expect, it } from 'vitest'

import { readByteranges } from '../../support/byteranges.ts'

const TYPE = 'multipart/byteranges; boundary=b'
const PART = '--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-4/10\r\n\r\nhello'
const OTHER = '--b\r\nContent-Range: bytes 7-9/10\r\n\r\nbye'
const BODY = `${PART}\r\n${OTHER}\r\n--b--\r\n`

function read(body: string, type = TYPE) {
  const { parts, isClosed } = readByteranges(type, Buffer.from(body, 'latin1'))
  return { isClosed, texts: parts.map(({ bytes }) => Buffer.from(bytes).toString()) }
}

describe('readByteranges', () => {
  it('reads parts and where they belong (RFC 9110 §14.6)', () => {
    const { parts, isClosed } = readByteranges(TYPE, Buffer.from(BODY))
    expect(isClosed).toBe(true)
    expect(parts.map(({ bytes, ...part }) => [Buffer.from(bytes).toString(), part])).toEqual([
      ['hello', { startByte: 0, endByte: 5, completeLength: 10, contentType: 'text/plain' }],
      ['bye', { startByte: 7, endByte: 10, completeLength: 10, contentType: undefined }],
    ])
  })

  it('reads as much as there is of a body that broke off, after any of its bytes', () => {
    for (let lengthBytes = 0; lengthBytes < BODY.length; lengthBytes += 1) {
      const { isClosed, texts } = read(BODY.slice(0, lengthBytes))
      expect(isClosed).toBe(false)
      expect('hellobye'.startsWith(texts.join(''))).toBe(true)
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
    ['two fields of a name', BODY.replace('Content-Type: text/plain', 'Content-Range: a'), TYPE],
    ['something behind the last part', `${BODY}more`, TYPE],
  ])('says what is wrong: %s', (_, body, type) => {
    expect(() => read(body, type)).toThrow(Error)
  })
})
