// Language preferences (RFC 9110 §12.5.4) in one spelling, so that what means the same selects the same.

import { splitList, splitOutsideQuotes } from './list.ts'

const TAG = /^(?:\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)$/
/** RFC 9110 §12.4.2. */
const WEIGHT = /^q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/

/**
 * The ranges by descending weight, and of one weight in alphabetical order: that in which they are listed "cannot be
 * relied upon".
 *
 * @param value The combined field value. One that cannot be read stays as it is, in lower case.
 */
export function sortLanguages(value: string): string {
  const lower = value.toLowerCase()
  const ranges: { readonly tag: string; readonly weight: number }[] = []
  for (const member of splitList(lower)) {
    const [tag = '', parameter, ...others] = splitOutsideQuotes(member, ';')
    const weight = parameter === undefined ? '1' : WEIGHT.exec(parameter)?.[1]
    if (!TAG.test(tag) || weight === undefined || others.length > 0) return lower
    ranges.push({ tag, weight: Number(weight) })
  }
  const sorted = ranges.toSorted((a, b) => b.weight - a.weight || (a.tag < b.tag ? -1 : 1))
  return sorted.map(({ tag, weight }) => (weight === 1 ? tag : `${tag};q=${weight}`)).join(',')
}
