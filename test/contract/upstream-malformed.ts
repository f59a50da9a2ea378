// The Upstream contract: responses that no sender may send (RFC 9112 §6.3; RFC 9110 §15).

import { expect, it } from 'vitest'

import type { OpenUpstream } from './upstream-facts.ts'
import { drain, fetchFrom, kindOf, refusalOf, required } from './upstream-facts.ts'

/** A head that cannot be taken, each with a body that would fit one reading of it. */
const MALFORMED = [
  ['Content-Length and Transfer-Encoding', 'Content-Length: 3', 'Transfer-Encoding: chunked'],
  ['an unknown transfer coding', 'Transfer-Encoding: xchunked'],
  ['a transfer coding before chunked', 'Transfer-Encoding: gzip, chunked'],
  ['two transfer coding lines', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
  ['two lengths that differ', 'Content-Length: 3', 'Content-Length: 5'],
  ['a length that is a list', 'Content-Length: 3, 5'],
  ['a negative length', 'Content-Length: -1'],
  ['a signed length', 'Content-Length: +3'],
  ['a length in hexadecimal', 'Content-Length: 0x3'],
  ['a length beyond 2^53', 'Content-Length: 9007199254740993'],
  ['a space before the colon', 'Content-Length : 3'],
] as const

const STATUS_LINES = [
  ['101 that was not asked for', 'HTTP/1.1 101 Switching Protocols', 'Upgrade: other'],
  ['status 600', 'HTTP/1.1 600 Beyond', 'Content-Length: 3'],
  ['status 999', 'HTTP/1.1 999 Beyond', 'Content-Length: 3'],
  ['a status of two digits', 'HTTP/1.1 20 OK', 'Content-Length: 3'],
  ['no status', 'HTTP/1.1 OK', 'Content-Length: 3'],
  ['another protocol', 'SMTP/1.1 200 OK', 'Content-Length: 3'],
] as const

export function testMalformed(open: OpenUpstream): void {
  it.each(MALFORMED)('refuses %s', async (...facts) => {
    const putRaw = required(open().putRaw)
    const [, ...lines] = facts
    putRaw('/malformed', { raw: `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\nabc`, end: 'fin' })
    const error = await refusalOf(fetchFrom(open(), '/malformed'))
    expect(kindOf(error)).toBe('http_protocol_error')
    expect(error).toMatchObject({ retryable: expect.any(Boolean) as boolean })
  })

  it.each(STATUS_LINES)('refuses %s', async (_name, statusLine, line) => {
    const putRaw = required(open().putRaw)
    putRaw('/malformed', { raw: `${statusLine}\r\n${line}\r\n\r\nabc`, end: 'fin' })
    expect(kindOf(await refusalOf(fetchFrom(open(), '/malformed')))).toBe('http_protocol_error')
  })

  it('fails before the head when the connection ends there', async () => {
    const putRaw = required(open().putRaw)
    putRaw('/silent', { raw: '', end: 'rst' })
    const error = await refusalOf(fetchFrom(open(), '/silent'))
    expect(kindOf(error)).toBe('connection_terminated')
  })

  it('breaks a chunked body with a chunk size that is none', async () => {
    const putRaw = required(open().putRaw)
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    putRaw('/chunk', { raw: `${head}3\r\nabc\r\nzz\r\nabc\r\n0\r\n\r\n`, end: 'fin' })
    const outcome = await fetchFrom(open(), '/chunk').then(drain, (error: unknown) => ({ error }))
    expect(kindOf(outcome.error)).toBe('http_protocol_error')
  })

  it('takes a last chunk that never comes for a broken body', async () => {
    const putRaw = required(open().putRaw)
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    putRaw('/unfinished', { raw: `${head}3\r\nabc\r\n`, end: 'fin' })
    const response = await fetchFrom(open(), '/unfinished')
    const { bytes, error } = await drain(response)
    expect(bytes.toString()).toBe('abc')
    expect(kindOf(error)).toBe('http_response_incomplete')
    expect((await response.settled).kind).toBe('broken')
  })

  it('keeps bytes above 0x7E in a value as they came (RFC 9110 §5.5)', async () => {
    const putRaw = required(open().putRaw)
    const lines = ['X-Good: yes', 'X-Bytes: caf\u00e9', 'Content-Length: 3']
    const raw = Buffer.from(`HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\nabc`, 'latin1')
    putRaw('/bytes', { raw, end: 'fin' })
    const response = await fetchFrom(open(), '/bytes')
    expect(response.fields).toContain('x-good')
    expect(response.fields).toContain('caf\u00e9')
    expect((await drain(response)).bytes.toString()).toBe('abc')
  })

  it('gives the final response after interim ones (RFC 9110 §15.2)', async () => {
    const putRaw = required(open().putRaw)
    const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
    const final = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'
    putRaw('/interim', { raw: `${interim}HTTP/1.1 102 Processing\r\n\r\n${final}`, end: 'fin' })
    const response = await fetchFrom(open(), '/interim')
    expect(response.status).toBe(200)
    expect((await drain(response)).bytes.toString()).toBe('abc')
  })

  it('takes no bytes after the body for a response to the next request', async () => {
    const putRaw = required(open().putRaw)
    const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
    putRaw('/smuggled', {
      raw: `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc${evil}`,
      end: 'open',
    })
    await open().put('/honest', { sizeBytes: 4 })
    const first = await fetchFrom(open(), '/smuggled').then(drain, (error: unknown) => ({ error }))
    const second = await fetchFrom(open(), '/honest').then(drain)
    expect(second.bytes.toString()).not.toBe('evil')
    expect(second.bytes).toHaveLength(4)
    expect('bytes' in first ? first.bytes.toString() : 'abc').toBe('abc')
  })
}
