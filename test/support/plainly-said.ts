// Odd facts in plain words: what a clause says that they mean, for a reader who knows only plain ones.

import { all, combined, first, replaced } from '#core/entry/fields.ts'
import type { Fields } from '#core/entry/fields.ts'

import type { DifferentialCase } from './differential-cases.ts'

const NUMBERS = 'max-age|s-maxage|stale-while-revalidate|stale-if-error|min-fresh|max-stale'
/** Directives as nearly everyone writes them: lower case, digits, no argument where none belongs. */
const PLAIN = new RegExp(
  `^(?:(?:${NUMBERS})=[0-9]{1,9}|max-stale|public|private|no-store|no-cache|must-revalidate|` +
    'proxy-revalidate|must-understand|immutable|no-transform|only-if-cached|ext=1|ext="a b")$',
)

/** Members of Cache-Control, split at commas outside of quotes. */
export function membersOf(fields: Fields): readonly string[] {
  const members = (combined(fields, 'cache-control') ?? '').match(/(?:[^,"]|"[^"]*"?)+/g) ?? []
  return members.map((text) => text.replace(/^[ \t]+|[ \t]+$/g, '')).filter((text) => text !== '')
}

export function says(fields: Fields, directive: RegExp): boolean {
  return membersOf(fields).some((member) => directive.test(member))
}

/** Cache-Control with each member replaced by these; the fields themselves where nothing changes. */
export function withMembers(fields: Fields, change: (member: string) => readonly string[]): Fields {
  const members = membersOf(fields)
  const changed = members.flatMap(change)
  return changed.join() === members.join()
    ? fields
    : said(fields, 'cache-control', changed.join(', '))
}

/** The fields with this value of one, or without it. */
function said(fields: Fields, name: string, value: string | undefined): Fields {
  const lines = all(fields, name)
  return lines.length <= 1 && lines[0] === value ? fields : replaced(fields, name, value)
}

export function withoutMembers(fields: Fields, directive: RegExp): Fields {
  return withMembers(fields, (member) => (directive.test(member) ? [] : [member]))
}

export function isOdd(member: string): boolean {
  return !PLAIN.test(member.toLowerCase())
}

export function inLowerCase(fields: Fields): Fields {
  return withMembers(fields, (member) => [isOdd(member) ? member : member.toLowerCase()])
}

/** Whether a directive is there with two values. */
export function conflicts(fields: Fields): boolean {
  const values = new Map<string, string>()
  return membersOf(fields).some((member) => {
    const [name = '', value = ''] = member.toLowerCase().split('=')
    const isOther = values.has(name) && values.get(name) !== value
    values.set(name, value)
    return isOther
  })
}

const LONG_AGO = new Date(0).toUTCString()
/** Forms that are HTTP-dates though they are not the preferred one (RFC 9110 §5.6.7). */
const OTHER_FORMS: ReadonlyMap<string, string> = new Map([
  ['Friday, 20-Nov-26 12:01:00 GMT', 'Fri, 20 Nov 2026 12:01:00 GMT'],
  ['Fri Nov 20 12:01:00 2026', 'Fri, 20 Nov 2026 12:01:00 GMT'],
  ['fri, 20 nov 2026 12:01:00 gmt', 'Fri, 20 Nov 2026 12:01:00 GMT'],
])

/** The instant in the preferred form; `undefined` for what is no HTTP-date. */
function plainDate(text: string): string | undefined {
  if (OTHER_FORMS.has(text)) return OTHER_FORMS.get(text)
  return new Date(text).toUTCString() === text ? text : undefined
}

/** An Expires that is no date is in the past; any other field that is no date is absent. */
export function dated(fields: Fields): Fields {
  let plain = fields
  for (const name of ['date', 'last-modified', 'expires']) {
    const lines = all(fields, name)
    const [line] = lines
    if (line === undefined) continue
    const isExpires = name === 'expires'
    const date = isExpires && lines.length > 1 ? undefined : plainDate(line)
    plain = said(plain, name, date ?? (isExpires ? LONG_AGO : undefined))
  }
  return plain
}

/** Age as corrected_initial_age in seconds (RFC 9111 §4.2.3), where it is not 0. */
export function aged({ fields, sentAtMs, receivedAtMs }: DifferentialCase): Fields {
  const [age = ''] = (first(fields, 'age') ?? '').split(',')
  // The largest there is (RFC 9111 §1.2.2).
  const ageSeconds = /^[0-9]+$/.test(age) ? Math.min(Number(age), 2_147_483_648) : 0
  const date = first(dated(fields), 'date')
  const receivedAtSeconds = Math.floor(receivedAtMs / 1000)
  const dateSeconds = date === undefined ? receivedAtSeconds : Date.parse(date) / 1000
  const delaySeconds = (receivedAtMs - sentAtMs) / 1000
  const initial = Math.max(0, receivedAtSeconds - dateSeconds, ageSeconds + delaySeconds)
  return said(fields, 'age', initial === 0 ? undefined : String(initial))
}

/** One spelling of each preference that the cases have. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['EN,de', 'en, de'],
  ['gzip;q=0.5', 'gzip'],
  ['x-gzip, nothing', 'gzip'],
  [' one', 'one'],
])

export function selectingPlain(fields: Fields): Fields {
  let plain = fields
  for (const name of ['accept-language', 'accept-encoding', 'x-key']) {
    const value = first(fields, name)
    if (value !== undefined) plain = said(plain, name, SPELLINGS.get(value) ?? value)
  }
  return plain
}
