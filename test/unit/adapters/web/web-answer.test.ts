import { describe, expect, it } from 'vitest'

import type { Answer } from '#core/entry/answer.ts'
import { sourceOf } from '#core/entry/byte-source.ts'
import type { ByteSource } from '#core/entry/byte-source.ts'
import { toWebResponse } from '#web/web-answer.ts'

const BYTES = Uint8Array.from([1, 2, 3])

function answer(changes: Partial<Answer>): Answer {
  return { status: 200, fields: [], body: { kind: 'none' }, contentLength: undefined, ...changes }
}

/** Gives the same buffer again and again, as a source may. */
function countingSource(chunkCount: number) {
  const buffer = new Uint8Array(1)
  const seen = { readCount: 0, cancelledBy: undefined as unknown }
  const source: ByteSource = {
    read() {
      if (seen.readCount >= chunkCount) return undefined
      buffer[0] = ++seen.readCount
      return buffer
    },
    cancel(why) {
      seen.cancelledBy = why
    },
  }
  return { source, seen }
}

describe('toWebResponse', () => {
  it('keeps every line of a field', () => {
    const fields = ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-a', 'one', 'x-a', 'two']
    const { headers } = toWebResponse(answer({ fields }))
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(headers.get('x-a')).toBe('one, two')
  })

  it.each([
    [{ status: 204 }, null],
    [{ status: 304 }, null],
    [{ status: 416, contentLength: 0 }, '0'],
    // HEAD tells the length of what it does not send (RFC 9110 §8.6).
    [{ status: 200, contentLength: 77 }, '77'],
  ])('sends no body with %o', async (changes, contentLength) => {
    const response = toWebResponse(answer(changes))
    expect(response.status).toBe(changes.status)
    expect(response.body).toBeNull()
    expect(response.headers.get('content-length')).toBe(contentLength)
  })

  it('lets go of a body that its status cannot have', () => {
    const { source, seen } = countingSource(5)
    toWebResponse(answer({ status: 304, body: { kind: 'source', source } }))
    expect(seen.cancelledBy).toBeDefined()
  })

  it('gives bytes at hand with their length, and leaves them as they are', async () => {
    const response = toWebResponse(answer({ body: { kind: 'bytes', bytes: BYTES } }))
    expect(response.headers.get('content-length')).toBe('3')
    expect(await response.bytes()).toEqual(BYTES)
    expect(BYTES.byteLength).toBe(3)
  })

  it('reads a source only as far as it is asked to', async () => {
    const { source, seen } = countingSource(5)
    const response = toWebResponse(answer({ body: { kind: 'source', source }, contentLength: 5 }))
    const reader = response.body?.getReader()
    expect(seen.readCount).toBe(0)
    await reader?.read()
    expect(seen.readCount).toBeLessThanOrEqual(1)
    await reader?.cancel('enough')
    expect(seen.cancelledBy).toBe('enough')
  })

  it('keeps apart what a source gives in one buffer', async () => {
    const { source } = countingSource(3)
    const response = toWebResponse(answer({ body: { kind: 'source', source } }))
    expect(await response.bytes()).toEqual(BYTES)
  })

  it('takes nothing from the buffers of a source', async () => {
    const bytes = Uint8Array.from(BYTES)
    const body = { kind: 'source', source: sourceOf(bytes) } as const
    await toWebResponse(answer({ body })).bytes()
    expect(bytes).toEqual(BYTES)
  })

  it('breaks where its source breaks', async () => {
    let readCount = 0
    const source: ByteSource = {
      read() {
        if (readCount++ > 0) throw new Error('broken off')
        return BYTES
      },
      cancel: () => undefined,
    }
    const response = toWebResponse(answer({ body: { kind: 'source', source }, contentLength: 9 }))
    await expect(response.bytes()).rejects.toThrow('broken off')
  })
})
