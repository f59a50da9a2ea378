// No-Vary-Search: which parts of a query make no difference (draft-ietf-httpbis-no-vary-search).

import { isInnerList, parseDictionary } from 'structured-headers'
import type { Dictionary } from 'structured-headers'

import { queryOf } from './target.ts'

/** How the targets of one path may differ and still be the same. */
export interface SearchVariance {
  readonly isOrderFree: boolean
  /** Names that are left out of account; or, with `all`, every name but those of `except`. */
  readonly ignored: ReadonlySet<string> | 'all'
  readonly except: ReadonlySet<string>
}

/**
 * Reads the field. Members that are not known are ignored.
 *
 * @returns `undefined` for what says nothing, or cannot be read: then every part of the query counts.
 */
export function parseNoVarySearch(value: string | undefined): SearchVariance | undefined {
  const dictionary = value === undefined ? undefined : parsed(value)
  if (dictionary === undefined) return undefined
  const keyOrder = dictionary.get('key-order')?.[0] ?? false
  const params = dictionary.get('params')
  const except = dictionary.get('except')
  if (typeof keyOrder !== 'boolean') return undefined
  const ignored = params === undefined ? NONE : ignoredBy(params)
  const excepted = except === undefined ? NONE : namesOf(except)
  if (ignored === undefined || excepted === undefined) return undefined
  if (except !== undefined && ignored !== 'all') return undefined
  const saysNothing = !keyOrder && ignored !== 'all' && ignored.size === 0
  return saysNothing ? undefined : { isOrderFree: keyOrder, ignored, except: excepted }
}

const NONE: ReadonlySet<string> = new Set()

function parsed(value: string): Dictionary | undefined {
  try {
    return parseDictionary(value)
  } catch {
    return undefined
  }
}

type Member = NonNullable<ReturnType<Dictionary['get']>>

function ignoredBy(params: Member): SearchVariance['ignored'] | undefined {
  if (params[0] === true) return 'all'
  return params[0] === false ? NONE : namesOf(params)
}

/** The names of an Inner List of Strings, decoded as they are in a query. */
function namesOf(member: Member): ReadonlySet<string> | undefined {
  if (!isInnerList(member)) return undefined
  const names = new Set<string>()
  for (const [name] of member[0]) {
    if (typeof name !== 'string') return undefined
    const [pair] = new URLSearchParams(`${name.replaceAll('&', '%26').replaceAll('=', '%3D')}=`)
    names.add(pair?.[0] ?? '')
  }
  return names
}

/**
 * What counts of a target's query, as text: targets of one path with the same text are the same. Names and values
 * are decoded as forms are (WHATWG URL §5.1).
 */
export function reducedQuery(target: string, variance: SearchVariance): string {
  const { isOrderFree, ignored, except } = variance
  const pairs = [...new URLSearchParams(queryOf(target) ?? '')].filter(([name]) =>
    ignored === 'all' ? except.has(name) : !ignored.has(name),
  )
  if (isOrderFree) pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return JSON.stringify(pairs)
}

/** A text that is the same for the same variance. */
export function varianceText({ isOrderFree, ignored, except }: SearchVariance): string {
  const names = ignored === 'all' ? [...except] : [...ignored]
  return JSON.stringify([isOrderFree, ignored === 'all', names.toSorted()])
}
