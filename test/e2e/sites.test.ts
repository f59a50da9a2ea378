// A config file with several sites, each with rules of its own, in the real process.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { createGate } from '../support/gate.ts'
import { httpGet } from '../support/http-get.ts'
import type { HttpGetOptions, HttpResult } from '../support/http-get.ts'
import { oracleBytes } from '../support/oracle.ts'
import { rawRequest } from '../support/raw-client.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess

function configText(originUrl: string): string {
  return `
type Fields = readonly string[]
const originUrl: string = '${originUrl}'

export default {
  breaker: false,
  limits: { firstByteTimeout: '2s' },
  sites: [
    {
      name: 'static',
      hosts: ['static.example'],
      origins: [originUrl + '/bucket'],
      ttl: [
        { name: 'css', path: '/css/', ttl: '60s', override: true },
        { status: [404], ttl: '5s' },
        { contentType: 'image/*', ttl: '30s' },
      ],
      query: { keep: ['v', 'w'], drop: ['w'] },
      response: [{ path: '/css/', set: { 'X-Served-By': 'sluice' }, drop: ['X-Internal'] }],
      cors: { origins: ['https://app.example'], exposeFields: ['X-Served-By'], maxAge: '5m' },
      ignoreSetCookie: true,
    },
    { name: 'api', hosts: ['*.api.example'], origins: [originUrl], methods: 'all', forward: 'all' },
    { name: 'api-v2', hosts: ['*.api.example'], pathPrefix: '/v2/', origins: [originUrl] },
    { name: 'plain', hosts: ['plain.example'], origins: [originUrl], forwardFields: ['X-Own'] },
    {
      name: 'hooked',
      hosts: ['hooked.example'],
      origins: [originUrl],
      hooks: {
        key: (target: string): string => target.toLowerCase(),
        request: (fields: Fields, target: string): Fields => [...fields, 'x-hook', target],
        response: (fields: Fields, status: number): Fields => [
          ...fields, 'cache-control', 'max-age=60', 'x-status', String(status),
        ],
      },
    },
  ],
}
`
}

beforeAll(async () => {
  origin = await startTestOrigin()
  const path = files.write('sites.ts', configText(origin.url))
  sluice = await startSluice(['--config', path])
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
  files.remove()
})

beforeEach(() => origin.reset())

async function ask(
  host: string,
  target: string,
  options: HttpGetOptions = {},
): Promise<HttpResult & { readonly cache: string }> {
  const headers = { ...options.headers, Host: host }
  const result = await httpGet(sluice.url, { ...options, target, headers })
  return { ...result, cache: result.header('cache-status') ?? '' }
}

function targetsSeen(): readonly string[] {
  return origin.requests.map(({ method, target }) => `${method} ${target}`)
}

describe('a request goes to the site', () => {
  it('of its host, its wildcard or its longest path, and else nowhere (421)', async () => {
    await ask('static.example', '/where')
    await ask('STATIC.example:80', '/where-too')
    await ask('eu.api.example', '/where')
    await ask('plain.example', '/where')
    expect(targetsSeen()).toEqual([
      'GET /bucket/where',
      'GET /bucket/where-too',
      'GET /where',
      'GET /where',
    ])
    expect((await ask('eu.api.example', '/v2/x', { method: 'POST' })).status).toBe(405)
    await ask('eu.api.example', '/v1/x', { method: 'POST' })
    expect(targetsSeen().slice(4)).toEqual(['POST /v1/x'])
    expect((await ask('elsewhere.example', '/')).status).toBe(421)
    expect((await ask('api.example', '/')).status).toBe(421)
  })
})

describe('freshness rules', () => {
  it('go by path, over what the origin says, within its no-store', async () => {
    const fields = [['Cache-Control', 'max-age=1']] as const
    origin.put('/bucket/css/a.css', { body: 'a', fields })
    await ask('static.example', '/css/a.css')
    expect((await ask('static.example', '/css/a.css')).cache).toMatch(/hit; ttl=(60|59)$/)
    origin.put('/bucket/css/b.css', { body: 'b', fields: [['Cache-Control', 'no-store']] })
    await ask('static.example', '/css/b.css')
    expect((await ask('static.example', '/css/b.css')).cache).not.toContain('hit')
  })

  it('go by status and by content type', async () => {
    await ask('static.example', '/missing')
    expect((await ask('static.example', '/missing')).cache).toMatch(/hit; ttl=[45]$/)
    origin.put('/bucket/a.png', { body: 'png', fields: [['Content-Type', 'image/png']] })
    await ask('static.example', '/a.png')
    expect((await ask('static.example', '/a.png')).cache).toMatch(/hit; ttl=(30|29)$/)
    origin.put('/bucket/a.bin', { body: 'bin' })
    await ask('static.example', '/a.bin')
    await ask('static.example', '/a.bin')
    expect(targetsSeen().filter((seen) => seen.endsWith('a.bin'))).toHaveLength(2)
  })
})

describe('query rules', () => {
  it('keep and drop parameters in the key and before the origin alike', async () => {
    origin.put('/bucket/css/q', { body: 'q' })
    await ask('static.example', '/css/q?utm=1&v=2&w=3')
    expect((await ask('static.example', '/css/q?v=2&other=x')).cache).toContain('hit')
    expect((await ask('static.example', '/css/q?v=3')).cache).not.toContain('hit')
    expect(targetsSeen()).toEqual(['GET /bucket/css/q?v=2', 'GET /bucket/css/q?v=3'])
  })
})

describe('response rules', () => {
  it('set and drop fields by path, for misses and hits', async () => {
    const fields = [['X-Internal', 'secret']] as const
    origin.put('/bucket/css/r', { body: 'r', fields })
    origin.put('/bucket/other', { body: 'o', fields })
    for (let i = 0; i < 2; i += 1) {
      const { header } = await ask('static.example', '/css/r')
      expect([header('x-served-by'), header('x-internal')]).toEqual(['sluice', undefined])
    }
    const other = await ask('static.example', '/other')
    expect([other.header('x-served-by'), other.header('x-internal')]).toEqual([undefined, 'secret'])
  })
})

describe('ignoreSetCookie', () => {
  it('stores without the cookie, which only its site does', async () => {
    const fields = [
      ['Cache-Control', 'max-age=60'],
      ['Set-Cookie', 'session=1'],
    ] as const
    origin.put('/bucket/cookie', { body: 'c', fields })
    origin.put('/cookie', { body: 'c', fields })
    await ask('static.example', '/cookie')
    const second = await ask('static.example', '/cookie')
    expect(second.cache).toContain('hit')
    expect(second.header('set-cookie')).toBeUndefined()
    await ask('plain.example', '/cookie')
    expect((await ask('plain.example', '/cookie')).cache).not.toContain('hit')
  })
})

async function preflight(from: string) {
  return await ask('static.example', '/css/a.css', {
    method: 'OPTIONS',
    headers: { Origin: from, 'Access-Control-Request-Method': 'GET' },
  })
}

describe('CORS (Fetch §3.2)', () => {
  it('answers a preflight itself', async () => {
    const { status, header } = await preflight('https://app.example')
    expect(status).toBe(204)
    expect(header('access-control-allow-origin')).toBe('https://app.example')
    expect(header('access-control-allow-methods')).toContain('GET')
    expect(header('access-control-allow-headers')).toContain('range')
    expect(header('access-control-max-age')).toBe('300')
    expect(header('vary')).toBe('origin')
    expect((await preflight('https://evil.example')).status).toBe(403)
    expect(origin.requests).toEqual([])
  })

  it('lets a script of an allowed origin read ranges and what the site names', async () => {
    origin.put('/bucket/css/c', { body: '0123456789' })
    const headers = { Origin: 'https://app.example' }
    for (let i = 0; i < 2; i += 1) {
      const part = await ask('static.example', '/css/c', { headers, range: 'bytes=2-4' })
      expect([part.status, part.body.toString()]).toEqual([206, '234'])
      expect(part.header('access-control-allow-origin')).toBe('https://app.example')
      const exposed = part.header('access-control-expose-headers')?.toLowerCase()
      expect(exposed).toContain('content-range')
      expect(exposed).toContain('x-served-by')
      expect(part.header('vary')?.toLowerCase()).toContain('origin')
    }
    const other = await ask('static.example', '/css/c', {
      headers: { Origin: 'https://evil.example' },
    })
    expect(other.header('access-control-allow-origin')).toBeUndefined()
    expect(other.header('vary')?.toLowerCase()).toContain('origin')
    const none = await ask('plain.example', '/css/c', { headers })
    expect(none.header('access-control-allow-origin')).toBeUndefined()
  })
})

describe('hooks', () => {
  it('change the key, the request and the response before it is stored', async () => {
    origin.put('/mixed', { body: 'm', fields: [['X-Origin', '1']] })
    const first = await ask('hooked.example', '/MiXeD')
    expect([first.status, first.header('x-status')]).toEqual([200, '200'])
    const second = await ask('hooked.example', '/mixed')
    expect(second.cache).toContain('hit')
    expect(second.header('x-status')).toBe('200')
    expect(origin.requests.map((seen) => [seen.target, seen.header('x-hook')])).toEqual([
      ['/mixed', '/mixed'],
    ])
  })
})

describe('forwardFields', () => {
  it('reach the origin, and others do not', async () => {
    await ask('plain.example', '/f', { headers: { 'X-Own': '1', 'X-Other': '2' } })
    const [seen] = origin.requests
    expect([seen?.header('x-own'), seen?.header('x-other')]).toEqual(['1', undefined])
  })
})

/** Answers with what it was sent. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.once('end', () => {
    const { method, headers } = request
    const told = { method, length: headers['content-length'], coding: headers['transfer-encoding'] }
    response.setHeader('X-Told', JSON.stringify(told))
    response.end(Buffer.concat(chunks))
  })
}

describe('methods: all', () => {
  const HOST = 'eu.api.example'

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
    'relays %s with its body and length',
    async (method) => {
      origin.put('/echo', echo)
      const body = oracleBytes({ object: '/echo', version: 1, startByte: 0, endByte: 3 * MIB })
      const result = await ask(HOST, '/echo', {
        method,
        body,
        headers: { 'Content-Length': `${body.length}` },
      })
      expect(result.status).toBe(200)
      expect(result.body.equals(body)).toBe(true)
      expect(JSON.parse(result.header('x-told') ?? '')).toEqual({
        method,
        length: `${body.length}`,
      })
      expect(result.cache).toContain('fwd=method')
    },
  )

  it('relays a chunked body, and keeps the connection', async () => {
    origin.put('/echo', echo)
    const post = 'POST /echo HTTP/1.1\r\nHost: eu.api.example\r\nTransfer-Encoding: chunked\r\n\r\n'
    const bytes = `${post}5\r\nhello\r\n0\r\n\r\n`
    const { responses } = await rawRequest({ port: sluice.port, bytes: bytes + bytes, until: 2 })
    expect(responses.map(({ body }) => body.toString())).toEqual(['hello', 'hello'])
    expect(JSON.parse(responses[0]?.header('x-told') ?? '')).toEqual({
      method: 'POST',
      coding: 'chunked',
    })
  })

  it('streams: the origin has the beginning before the client has sent the end', async () => {
    const gate = createGate()
    origin.put('/upload', (request, response) => {
      let receivedBytes = 0
      request.on('data', (chunk: Buffer) => {
        receivedBytes += chunk.length
        gate.release()
      })
      request.once('end', () => response.end(String(receivedBytes)))
    })
    const asked = rawRequest({
      port: sluice.port,
      bytes: [
        'PUT /upload HTTP/1.1\r\nHost: eu.api.example\r\nContent-Length: 10\r\n\r\nhello',
        'world',
      ],
      gapMs: 300,
    })
    await Promise.race([gate.wait(), sleep(250).then(() => Promise.reject(new Error('It waits')))])
    expect((await asked).responses[0]?.body.toString()).toBe('10')
  })

  it('asks for the body with 100 where the client waits for that (RFC 9110 §10.1.1)', async () => {
    origin.put('/echo', echo)
    const head =
      'POST /echo HTTP/1.1\r\nHost: eu.api.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n'
    const { responses } = await rawRequest({
      port: sluice.port,
      bytes: [head, 'hello'],
      gapMs: 100,
    })
    expect(responses[0]?.interim.map(({ status }) => status)).toEqual([100])
    expect(responses[0]?.body.toString()).toBe('hello')
  })

  it('passes on an answer that comes before the end of the body, and ends the connection', async () => {
    origin.put('/full', (_, response) => {
      response.writeHead(413, { Connection: 'close' })
      response.end('too much')
    })
    const bytes = `POST /full HTTP/1.1\r\nHost: eu.api.example\r\nContent-Length: ${64 * MIB}\r\n\r\n`
    const started = bytes + 'x'.repeat(100_000)
    const { responses, ended } = await rawRequest({
      port: sluice.port,
      bytes: started,
      until: 'close',
    })
    expect(responses.map(({ status }) => status)).toEqual([413])
    expect(responses[0]?.body.toString()).toBe('too much')
    expect(ended).not.toBe('open')
  })

  it('answers 502 when the origin breaks off within the body, and ends the connection', async () => {
    origin.put('/reset', (request) => {
      request.once('data', () => request.socket.resetAndDestroy())
    })
    const bytes = `POST /reset HTTP/1.1\r\nHost: eu.api.example\r\nContent-Length: ${MIB}\r\n\r\nhello`
    const { responses, ended } = await rawRequest({ port: sluice.port, bytes, until: 'close' })
    expect(responses.map(({ status }) => status)).toEqual([502])
    expect(ended).not.toBe('open')
  })

  it('ends its request to the origin when the client goes within the body', async () => {
    const gate = createGate()
    let hasEnded = false
    origin.put('/gone', (request) => {
      request.on('error', () => undefined)
      request.once('close', () => {
        hasEnded = true
      })
      gate.release()
    })
    const socket = connect({ port: sluice.port, host: '127.0.0.1' })
    socket.write('POST /gone HTTP/1.1\r\nHost: eu.api.example\r\nContent-Length: 10\r\n\r\nhello')
    await gate.wait()
    socket.resetAndDestroy()
    for (let i = 0; i < 100 && !hasEnded; i += 1) await sleep(10)
    expect(hasEnded).toBe(true)
  })

  it('invalidates what is stored when it succeeds, and not when it fails (RFC 9111 §4.4)', async () => {
    origin.put('/page', { body: 'one', fields: [['Cache-Control', 'max-age=60']] })
    await ask(HOST, '/page')
    expect((await ask(HOST, '/page')).cache).toContain('hit')
    await ask(HOST, '/page', { method: 'POST', body: 'x' })
    expect((await ask(HOST, '/page')).cache).toContain('hit')
    origin.put('/page', (_, response) => response.end('changed'))
    expect((await ask(HOST, '/page', { method: 'POST', body: 'x' })).status).toBe(200)
    origin.put('/page', { body: 'two', version: 2, fields: [['Cache-Control', 'max-age=60']] })
    const after = await ask(HOST, '/page')
    expect(after.body.toString()).toBe('two')
    expect(after.cache).not.toContain('hit')
  })
})
