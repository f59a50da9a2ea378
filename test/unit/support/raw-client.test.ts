import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'

import { httpGet } from '../../support/http-get.ts'
import { rawRequest } from '../../support/raw-client.ts'
import { type ParseResult, parseResponse } from '../../support/raw-response.ts'

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Answers whatever comes first with what `reply` does. */
async function listen(reply: (socket: Socket, bytes: Buffer) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', (bytes: Buffer) => reply(socket, bytes))
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function parseText(
  text: string,
  method = 'GET',
  ended: 'open' | 'fin' | 'reset' = 'open',
): ParseResult {
  return parseResponse(Buffer.from(text, 'latin1'), method, ended)
}

describe('parseResponse', () => {
  it('reads fields as they are, chunks and trailers', () => {
    const head = 'HTTP/1.1 200 OK\r\nA: 1\r\na:2 \r\nTransfer-Encoding: chunked\r\n\r\n'
    const parsed = parseText(`${head}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\nrest`)
    if (!('usedBytes' in parsed)) throw new Error('Cannot parse')
    const { response } = parsed
    expect(response.fields.slice(0, 2)).toEqual([
      ['A', '1'],
      ['a', '2'],
    ])
    expect([String(response.body), response.lastChunk, response.header('A')]).toEqual([
      'abcde',
      true,
      '1, 2',
    ])
    expect(response.trailers).toEqual([['T', '1']])
  })

  it.each(['', '5\r\nab', '2\r\nab\r\n', '2\r\nab\r\n0\r\n', '2\r\nab\r\n0\r\nT: 1\r\n'])(
    'tells that chunks are incomplete: %j',
    (body) => {
      const parsed = parseText(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`)
      expect(parsed).toMatchObject({ response: { complete: false, lastChunk: false } })
    },
  )

  it('knows which responses have no body', () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
    expect(parseText(head, 'HEAD')).toMatchObject({ usedBytes: head.length })
    expect(parseText(head)).toMatchObject({ neededBytes: head.length + 5 })
    expect(parseText('HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n')).toHaveProperty('usedBytes')
    expect(parseText('HTTP/1.1 204 X\r\n\r\n')).toHaveProperty('usedBytes')
  })

  it('takes a body up to the close for complete only after FIN', () => {
    const text = 'HTTP/1.1 200 OK\r\n\r\nabc'
    expect(parseText(text, 'GET', 'fin')).toMatchObject({ response: { complete: true } })
    expect(parseText(text, 'GET', 'reset')).toMatchObject({ response: { complete: false } })
    expect(parseText(text, 'GET', 'open')).toMatchObject({ response: { complete: false } })
  })

  it.each([
    'HTTP/2 200 OK\r\n\r\n',
    'HTTP/1.1 600 OK\r\n\r\n',
    'HTTP/1.1 200\r\n\r\n',
    'HTTP/1.1 200 OK\nA: 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA : 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: 1\r\n fold\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: \0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
    'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nx',
    'HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
  ])('refuses %j', (text) => {
    expect(parseText(text)).toHaveProperty('problem')
  })
})

describe('rawRequest', () => {
  it('sends exactly the bytes given', async () => {
    let came: Uint8Array = Buffer.alloc(0)
    const port = await listen((socket, bytes) => {
      came = bytes
      socket.end('HTTP/1.1 200 OK\r\n\r\n')
    })
    const bytes = Buffer.from([0, 255, 13, 10, 32])
    const { ended } = await rawRequest({ port, bytes, until: 'close' })
    expect([Buffer.compare(came, bytes), ended]).toEqual([0, 'fin'])
  })

  it('can say FIN after the request and still read', async () => {
    const port = await listen((socket) => {
      socket.once('end', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'))
    })
    const { responses } = await rawRequest({ port, bytes: 'x', halfClose: true })
    expect(String(responses[0]?.body)).toBe('x')
  })

  it('counts final responses, HEAD among them, and shows what follows', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n'
    const port = await listen((socket) => {
      socket.write(`HTTP/1.1 100 Continue\r\n\r\n${head}${head}abcHT`)
    })
    const { responses, rest, ended, timedOut } = await rawRequest({
      port,
      bytes: 'x',
      until: 2,
      methods: ['HEAD', 'GET'],
    })
    expect(responses.map(({ body }) => String(body))).toEqual(['', 'abc'])
    expect([String(rest), ended, timedOut]).toEqual(['HT', 'open', false])
  })

  it('reads a large chunked body in many pieces', async () => {
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    const port = await listen((socket) => {
      const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
      socket.write(`${head}${chunk.repeat(64)}0\r\n\r\n`)
    })
    const { responses } = await rawRequest({ port, bytes: 'x' })
    expect(responses[0]).toMatchObject({ complete: true, lastChunk: true })
    expect(responses[0]?.body.length).toBe(4 * 2 ** 20)
  })

  it('rejects when there is no one to connect to', async () => {
    const port = await listen(() => undefined)
    for (const server of servers.splice(0)) server.close()
    await expect(rawRequest({ port, bytes: 'x' })).rejects.toThrow('ECONNREFUSED')
  })
})

describe('httpGet', () => {
  it('reports a broken body instead of throwing', async () => {
    const port = await listen((socket) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
    })
    const answer = await httpGet(`http://127.0.0.1:${port}/`)
    expect(answer).toMatchObject({ status: 200, complete: false, bodyBytes: 3 })
    expect(String(answer.body)).toBe('abc')
  })

  it('sends a target as it is, and rejects if no head comes', async () => {
    let line = ''
    const port = await listen((socket, bytes) => {
      line = bytes.toString('latin1').split('\r\n')[0] ?? ''
      socket.resetAndDestroy()
    })
    const answer = httpGet(`http://127.0.0.1:${port}/`, { target: '/a/../b//c' })
    await expect(answer).rejects.toThrow('ECONNRESET')
    expect(line).toBe('GET /a/../b//c HTTP/1.1')
  })

  it('gives up in time within a body', async () => {
    const port = await listen((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
    })
    const answer = await httpGet(`http://127.0.0.1:${port}/`, { timeoutMs: 60 })
    expect([answer.complete, String(answer.body)]).toEqual([false, 'abc'])
  })
})
