// Asks an upstream as the flow would, and reads the whole answer.

import { readAll } from '#core/entry/byte-source.ts'
import { cacheKeyOf } from '#core/entry/cache-key.ts'
import type { Fields } from '#core/entry/fields.ts'
import { first } from '#core/entry/fields.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import type { Upstream, UpstreamResponse } from '#core/ports/upstream.ts'

import { createTestScope } from './scopes.ts'

export interface AskOptions {
  /** Default GET. */
  readonly method?: string
  readonly scope?: RequestScope
}

export interface Got {
  readonly response: UpstreamResponse
  readonly status: number
  readonly fields: Fields
  /** The first value of a field. */
  field(name: string): string | undefined
  readonly bytes: Buffer
  readonly text: string
}

const MAX_BYTES = 64 * 1024 * 1024

/** The head alone; whoever asks so reads the body or cancels it. */
export function fetchFrom(
  upstream: Upstream,
  target: string,
  fields: Fields = [],
  options: AskOptions = {},
): Promise<UpstreamResponse> {
  const { method = 'GET', scope = createTestScope() } = options
  const key = cacheKeyOf('test', '', target)
  const request = { method, target, fields, key, authority: 'client.test', body: undefined }
  return upstream.fetch(request, scope)
}

export async function ask(
  upstream: Upstream,
  target: string,
  fields: Fields = [],
  options: AskOptions = {},
): Promise<Got> {
  const response = await fetchFrom(upstream, target, fields, options)
  const read = await readAll(response.body, MAX_BYTES)
  if (read === undefined) throw new Error(`Cannot read body: more than ${MAX_BYTES} bytes`)
  const bytes = Buffer.from(read)
  return {
    response,
    status: response.status,
    fields: response.fields,
    field: (name) => first(response.fields, name),
    bytes,
    text: bytes.toString(),
  }
}

/** What it rejected with. */
export async function failureOf(asked: Promise<unknown>): Promise<Error> {
  try {
    await asked
  } catch (error) {
    if (error instanceof Error) return error
    throw new Error('Cannot tell: what was thrown is no error', { cause: error })
  }
  throw new Error('Cannot tell: it did not fail')
}
