import { HOP_BY_HOP, connectionOptions } from '../http/hop-by-hop.ts'

/**
 * Field lines of a message as a flat list `[name, value, name, value, …]`: names in lower case, lines in
 * the order received, duplicates kept. It is what a raw HTTP parser gives, and nothing is lost in it.
 */
export type Fields = readonly string[]

export const NO_FIELDS: Fields = []

/** The value of the first line with this lower-case name. */
export function first(fields: Fields, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1]
  return undefined
}

/** The values of all lines with this lower-case name, in order. */
export function all(fields: Fields, name: string): readonly string[] {
  const values: string[] = []
  for (let i = 0; i < fields.length; i += 2)
    if (fields[i] === name) values.push(fields[i + 1] ?? '')
  return values
}

/** All lines of the name joined as one list value (RFC 9110 §5.3); `undefined` when there is none. */
export function combined(fields: Fields, name: string): string | undefined {
  let value: string | undefined
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name)
      value = value === undefined ? fields[i + 1] : `${value}, ${fields[i + 1]}`
  }
  return value
}

export function has(fields: Fields, name: string): boolean {
  return first(fields, name) !== undefined
}

/** The fields without the lines whose name is in the set. */
export function without(fields: Fields, names: ReadonlySet<string>): Fields {
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (!names.has(name)) kept.push(name, fields[i + 1] ?? '')
  }
  return kept
}

/** The lines whose name is in the set. */
export function only(fields: Fields, names: ReadonlySet<string>): Fields {
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (names.has(name)) kept.push(name, fields[i + 1] ?? '')
  }
  return kept
}

/** The fields with every line of the name replaced by one, at the end; `undefined` only removes. */
export function replaced(fields: Fields, name: string, value: string | undefined): Fields {
  const rest = without(fields, new Set([name]))
  return value === undefined ? rest : [...rest, name, value]
}

/** Field lines as pairs, for the places that need them so. */
export function pairs(fields: Fields): readonly (readonly [string, string])[] {
  const list: (readonly [string, string])[] = []
  for (let i = 0; i < fields.length; i += 2) list.push([fields[i] ?? '', fields[i + 1] ?? ''])
  return list
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
/** What a strict writer takes: obs-text is opaque, and to lose it could lose a prohibition (RFC 9110 §5.5). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Checks a message's field lines once, when it enters, so that writing them later cannot fail: names go
 * to lower case, and lines that a strict writer would refuse (a control character, a name that is no token) are
 * left out and told to `onDropped`.
 */
export function admitFields(lines: readonly string[], onDropped?: (name: string) => void): Fields {
  const fields: string[] = []
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = (lines[i] ?? '').toLowerCase()
    const value = lines[i + 1] ?? ''
    if (TOKEN.test(name) && VALUE.test(value)) fields.push(name, value)
    else onDropped?.(name)
  }
  return fields
}

/** The fields that are not for one connection only (RFC 9110 §7.6.1). */
export function endToEnd(fields: Fields): Fields {
  const connection = combined(fields, 'connection')
  if (connection === undefined) return without(fields, HOP_BY_HOP)
  return without(fields, new Set([...HOP_BY_HOP, ...connectionOptions(connection)]))
}
