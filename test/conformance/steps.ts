// Steps that most cases are made of.

import type { Case, Lines, OriginAnswer, Step } from './case.ts'

export const FRESH: Lines = [['Cache-Control', 'max-age=3600']]

/** Fresh by its own word, with a strong entity tag. */
export const FRESH_TAGGED: Lines = [
  ['Cache-Control', 'max-age=3600'],
  ['ETag', '"v1"'],
]

/** Stale on arrival, and to be validated by its entity tag. */
export const STALE_TAGGED: Lines = [
  ['Cache-Control', 'max-age=60'],
  ['Age', '100'],
  ['ETag', '"v1"'],
]

/** What a step may say besides. */
type More = Partial<Omit<Step, 'expect' | 'origin'>> & { readonly expect?: Step['expect'] }

/** The origin is asked, and its answer is what the client gets. */
export function fetched(origin: OriginAnswer | Lines, more: More = {}): Step {
  const answer = isLines(origin) ? { fields: origin } : origin
  return {
    ...more,
    origin: answer,
    expect: {
      status: answer.status ?? 200,
      asked: true,
      body: hasNoContent(answer, more.method) ? 'none' : 'new',
      ...more.expect,
    },
  }
}

/** The origin is not asked; the client gets what it answered before. */
export function hit(more: More & { readonly of?: number } = {}): Step {
  const { of = 1, ...rest } = more
  return { ...rest, expect: { asked: false, body: of, cache: /^hit/, ...rest.expect } }
}

/** The origin is asked, as if nothing were stored. */
export function missed(more: More & { readonly origin?: OriginAnswer } = {}): Step {
  const { origin = { fields: FRESH }, ...rest } = more
  return fetched(origin, {
    ...rest,
    expect: {
      sent: { 'if-none-match': false, 'if-modified-since': false },
      ...rest.expect,
    },
  })
}

/** The origin is asked whether the stored response still holds, and says so. */
export function validated(fields: Lines = [], more: More & { readonly of?: number } = {}): Step {
  const { of = 1, ...rest } = more
  return {
    ...rest,
    origin: { status: 304, fields: withVersion(fields) },
    expect: { asked: true, body: of, sent: { 'if-none-match': '"v1"' }, ...rest.expect },
  }
}

/** A 304 says of which version it is: of the usual one, unless it names another (RFC 9110 §15.4.5). */
function withVersion(fields: Lines): Lines {
  const isNamed = fields.some(([name]) => /^(?:etag|last-modified)$/i.test(name))
  return isNamed ? fields : [['ETag', '"v1"'], ...fields]
}

/** The origin fails, with an answer that says so. */
export function failing(status: number, more: More): Step {
  return { ...more, origin: { status }, expect: { asked: true, ...more.expect } }
}

/** A request of another method, which is passed on. */
export function changed(method: string, origin: OriginAnswer = {}): Step {
  const { status = 200 } = origin
  return {
    method,
    origin,
    expect: { status, asked: true, sentMethod: method, cache: /^fwd=method/ },
  }
}

/** Stale for 40 seconds on arrival. */
export function stale(directives: string): Lines {
  return [
    ['Cache-Control', `max-age=60${directives}`],
    ['Age', '100'],
    ['ETag', '"v1"'],
  ]
}

/** An answer of the origin that nothing stands in for. */
export function withheld(origin: OriginAnswer, more: Partial<Step> = {}): Step {
  return {
    ...more,
    origin,
    expect: { status: origin.status ?? 502, asked: true, ...more.expect },
  }
}

/** Fresh, and chosen by these fields of the request; one line of Vary each. */
export function varying(...names: string[]): Lines {
  return [['Cache-Control', 'max-age=3600'], ...names.map((name): Lines[number] => ['Vary', name])]
}

/** A request with lines of a field that Vary names. */
export function foo(...values: string[]): { readonly fields: Lines } {
  return { fields: values.map((value): Lines[number] => ['Foo', value]) }
}

/** What Cache-Status says when only Vary was in the way. */
export const VARY_MISS = { asked: true, body: 'new', cache: /^fwd=vary-miss/ } as const

type Named = Pick<Case, 'id' | 'clause' | 'promise'> &
  Partial<Pick<Case, 'policy' | 'site' | 'only' | 'known'>>

/** What has just been fetched answers the next request. */
export function storedCase(
  named: Named,
  origin: OriginAnswer | Lines,
  expect?: Step['expect'],
): Case {
  const status = isLines(origin) ? 200 : (origin.status ?? 200)
  return { ...named, steps: [fetched(origin), hit({ expect: { status, ...expect } })] }
}

/** What has just been fetched is not there for the next request. */
export function notStoredCase(named: Named, origin: OriginAnswer | Lines): Case {
  return { ...named, steps: [fetched(origin), missed()] }
}

/** What has just been fetched is kept, and asked about before its first use. */
export function staleCase(named: Named, fields: Lines): Case {
  return { ...named, steps: [fetched([...fields, ['ETag', '"v1"']]), validated()] }
}

export function isLines(origin: OriginAnswer | Lines): origin is Lines {
  return Array.isArray(origin)
}

function hasNoContent({ status = 200 }: OriginAnswer, method: string | undefined): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}
