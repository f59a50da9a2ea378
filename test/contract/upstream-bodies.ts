// The Upstream contract: bodies, fields and times of responses that go well.

import { expect, it } from 'vitest'

import { all, first } from '#core/entry/fields.ts'

import { checkOracle } from '../support/oracle.ts'
import { createTestScope } from '../support/scopes.ts'
import type { OpenUpstream, UpstreamTraits } from './upstream-facts.ts'
import { drain, fetchFrom, request } from './upstream-facts.ts'
import { itWhere } from '../support/where.ts'

const GIBIBYTE = 2 ** 30

export function testBodies(open: OpenUpstream, traits: UpstreamTraits): void {
  it.each([1, 15, 4096, 65_537, 3_000_000])('gives a body of %i bytes whole', async (sizeBytes) => {
    const path = `/whole-${sizeBytes}`
    await open().put(path, { sizeBytes })
    const response = await fetchFrom(open(), path)
    expect(response.status).toBe(200)
    expect(first(response.fields, 'content-length')).toBe(String(sizeBytes))
    expect(response.isDelimited).toBe(true)
    const { bytes, error } = await drain(response)
    expect(error).toBeUndefined()
    const wanted = { object: path, version: 1, startByte: 0, endByte: sizeBytes }
    expect(checkOracle(bytes, wanted)).toBeUndefined()
    expect(await response.settled).toEqual({ kind: 'complete' })
    expect(await response.body.read()).toBeUndefined()
  })

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=100-1099', 100, 1100],
    ['bytes=99990-', 99_990, 100_000],
    ['bytes=-17', 99_983, 100_000],
    ['bytes=99999-200000', 99_999, 100_000],
  ])('gives exactly the range %s (RFC 9110 §14)', async (range, startByte, endByte) => {
    await open().put('/ranged', { sizeBytes: 100_000 })
    const response = await fetchFrom(open(), '/ranged', ['range', range])
    expect(response.status).toBe(206)
    const contentRange = `bytes ${startByte}-${endByte - 1}/100000`
    expect(first(response.fields, 'content-range')).toBe(contentRange)
    const { bytes } = await drain(response)
    const wanted = { object: '/ranged', version: 1, startByte, endByte }
    expect(checkOracle(bytes, wanted)).toBeUndefined()
    expect(await response.settled).toEqual({ kind: 'complete' })
  })

  it('tells the complete length of what a range lies beyond (RFC 9110 §15.5.17)', async () => {
    await open().put('/short', { sizeBytes: 10 })
    const response = await fetchFrom(open(), '/short', ['range', 'bytes=10-'])
    expect(response.status).toBe(416)
    expect(first(response.fields, 'content-range')).toBe('bytes */10')
    await drain(response)
  })

  itWhere(traits.hasHugeObjects !== false)('reads beyond 4 GiB', async () => {
    await open().put('/huge', { sizeBytes: 5 * GIBIBYTE })
    const startByte = 4 * GIBIBYTE + 12_345
    const range = `bytes=${startByte}-${startByte + 999}`
    const response = await fetchFrom(open(), '/huge', ['range', range])
    expect(response.status).toBe(206)
    const { bytes } = await drain(response)
    const wanted = { object: '/huge', version: 1, startByte, endByte: startByte + 1000 }
    expect(checkOracle(bytes, wanted)).toBeUndefined()
    const whole = await fetchFrom(open(), '/huge')
    expect(first(whole.fields, 'content-length')).toBe(String(5 * GIBIBYTE))
    whole.body.cancel('seen enough')
  })

  itWhere(traits.hasUnknownLengths !== false)('gives a chunked body whole', async () => {
    await open().put('/chunked', { sizeBytes: 200_000, chunked: true })
    const response = await fetchFrom(open(), '/chunked')
    expect(first(response.fields, 'content-length')).toBeUndefined()
    expect(response.isDelimited).toBe(true)
    const { bytes, error } = await drain(response)
    expect(error).toBeUndefined()
    const wanted = { object: '/chunked', version: 1, startByte: 0, endByte: 200_000 }
    expect(checkOracle(bytes, wanted)).toBeUndefined()
    expect(await response.settled).toEqual({ kind: 'complete' })
  })

  it('answers many requests at once, each with its own bytes', async () => {
    await open().put('/many', { sizeBytes: 100_000 })
    const problems = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const [startByte, endByte] = [i * 1000, i * 1000 + 5000]
        const range = `bytes=${startByte}-${endByte - 1}`
        const { bytes } = await drain(await fetchFrom(open(), '/many', ['range', range]))
        return checkOracle(bytes, { object: '/many', version: 1, startByte, endByte })
      }),
    )
    expect(problems.filter((problem) => problem !== undefined)).toEqual([])
  })

  it('takes the wall clock before the request and after the head (RFC 9111 §4.2.3)', async () => {
    await open().put('/timed', { sizeBytes: 10 })
    const response = await fetchFrom(open(), '/timed')
    expect(response.receivedAtMs).toBeGreaterThanOrEqual(response.sentAtMs)
    expect(response.from.address).not.toBe('')
    await drain(response)
  })
}

export function testNoBody(open: OpenUpstream, traits: UpstreamTraits): void {
  it('gives a HEAD its fields and no body, whole at once', async () => {
    await open().put('/head', { sizeBytes: 1000 })
    const response = await open().upstream.fetch(
      request('/head', [], { method: 'HEAD' }),
      createTestScope(),
    )
    expect(response.status).toBe(200)
    expect(first(response.fields, 'content-length')).toBe('1000')
    expect(response.isDelimited).toBe(true)
    expect((await drain(response)).bytes).toHaveLength(0)
    expect(await response.settled).toEqual({ kind: 'complete' })
  })

  it('gives a 304 no body (RFC 9110 §15.4.5)', async () => {
    await open().put('/validated', { sizeBytes: 1000 })
    const whole = await fetchFrom(open(), '/validated')
    await drain(whole)
    const tag = first(whole.fields, 'etag') ?? ''
    const response = await fetchFrom(open(), '/validated', ['if-none-match', tag])
    expect(response.status).toBe(304)
    expect(first(response.fields, 'etag')).toBe(tag)
    expect(response.isDelimited).toBe(true)
    expect((await drain(response)).bytes).toHaveLength(0)
    expect(await response.settled).toEqual({ kind: 'complete' })
  })

  it('refuses another version than the one named (RFC 9110 §13.1.1)', async () => {
    await open().put('/matched', { sizeBytes: 1000 })
    const response = await fetchFrom(open(), '/matched', ['if-match', '"another"'])
    expect(response.status).toBe(412)
    await drain(response)
  })

  itWhere(traits.takesFields !== false)('gives a 204 no body', async () => {
    await open().put('/nothing', { status: 204 })
    const response = await fetchFrom(open(), '/nothing')
    expect(response.status).toBe(204)
    expect((await drain(response)).bytes).toHaveLength(0)
    expect(await response.settled).toEqual({ kind: 'complete' })
  })

  it('gives an empty body that is complete', async () => {
    await open().put('/empty', { sizeBytes: 0 })
    const response = await fetchFrom(open(), '/empty')
    expect(response.status).toBe(200)
    expect((await drain(response)).bytes).toHaveLength(0)
    expect(await response.settled).toEqual({ kind: 'complete' })
  })

  it('answers for what is not there', async () => {
    const response = await fetchFrom(open(), '/no-such-object')
    expect(response.status).toBe(404)
    await drain(response)
    expect(await response.settled).toEqual({ kind: 'complete' })
  })
}

export function testFields(open: OpenUpstream, traits: UpstreamTraits): void {
  it('gives names in lower case, in order, with values as they came', async () => {
    const fields = [
      ['X-Mixed-CASE', 'Va,Lue  with "quotes"'],
      ['Cache-Control', 'max-age=60'],
    ] as const
    await open().put('/fields', { sizeBytes: 1, fields })
    const response = await fetchFrom(open(), '/fields')
    await drain(response)
    const names = response.fields.filter((_, i) => i % 2 === 0)
    expect(names).toEqual(names.map((name) => name.toLowerCase()))
    expect(first(response.fields, 'x-mixed-case')).toBe('Va,Lue  with "quotes"')
    expect(names.indexOf('x-mixed-case')).toBeLessThan(names.indexOf('cache-control'))
  })

  itWhere(traits.keepsDuplicates !== false)('keeps lines of one name apart', async () => {
    const fields = [
      ['Set-Cookie', 'a=1'],
      ['X-Two', 'one'],
      ['Set-Cookie', 'b=2'],
      ['X-Two', 'two'],
    ] as const
    await open().put('/duplicates', { sizeBytes: 1, fields })
    const response = await fetchFrom(open(), '/duplicates')
    await drain(response)
    expect(all(response.fields, 'set-cookie')).toEqual(['a=1', 'b=2'])
    expect(all(response.fields, 'x-two')).toEqual(['one', 'two'])
  })

  it.each(['gzip', 'br', 'zstd'])('leaves a body in %s as it is', async (coding) => {
    const path = `/coded-${coding}`
    await open().put(path, { sizeBytes: 5000, fields: [['Content-Encoding', coding]] })
    const response = await fetchFrom(open(), path, ['accept-encoding', coding])
    expect(first(response.fields, 'content-encoding')).toBe(coding)
    const { bytes } = await drain(response)
    const wanted = { object: path, version: 1, startByte: 0, endByte: 5000 }
    expect(checkOracle(bytes, wanted)).toBeUndefined()
  })

  it.each([301, 403, 429, 500, 503])('gives a %i as it is, and follows nothing', async (status) => {
    const path = `/status-${status}`
    await open().put(path, { status, body: 'text', fields: [['Location', '/elsewhere']] })
    const response = await fetchFrom(open(), path)
    expect(response.status).toBe(status)
    expect((await drain(response)).bytes.toString()).toBe('text')
  })
}
