// What is wrong with a field, if anything.

import type { FieldExpectation, Value } from './case.ts'

interface Reading {
  /** As it goes on the wire. */
  textOf(value: Value): string
  /** By how much more than it should a number may be. */
  readonly slackSeconds: number
}

/** @param values Of the lines that came, in order. */
export function fieldProblem(
  expected: FieldExpectation,
  values: readonly string[],
  { textOf, slackSeconds }: Reading,
): string | undefined {
  const shown = values.length === 0 ? 'is not there' : `is ${JSON.stringify(values.join(', '))}`
  if (expected === false) return values.length === 0 ? undefined : `${shown}, expected none`
  const value = values.join(', ')
  if (typeof expected === 'object' && 'not' in expected) {
    return expected.not.test(value) ? `${shown}, which it must not` : undefined
  }
  if (values.length === 0) return 'is not there'
  if (expected === true) return undefined
  if (expected instanceof RegExp) {
    return expected.test(value) ? undefined : `${shown}, expected ${String(expected)}`
  }
  if (isValues(expected)) {
    const isSame = JSON.stringify(expected.map(textOf)) === JSON.stringify(values)
    return isSame ? undefined : `has the lines ${JSON.stringify(values)}`
  }
  if (typeof expected === 'object' && 'atLeast' in expected) {
    const { atLeast, atMost } = expected
    const isNumber = /^[0-9]+$/.test(value)
    const isWithin = Number(value) >= atLeast && Number(value) <= atMost + slackSeconds
    return isNumber && isWithin ? undefined : `${shown}, expected ${atLeast} to ${atMost}`
  }
  const wanted = textOf(expected)
  return value === wanted ? undefined : `${shown}, expected ${JSON.stringify(wanted)}`
}

function isValues(expected: FieldExpectation): expected is readonly Value[] {
  return Array.isArray(expected)
}

/** Values of the lines of a name, in order. */
export function all(lines: readonly string[], name: string): readonly string[] {
  return lines.filter((_, i) => i % 2 === 1 && lines[i - 1] === name)
}

/** The lines of a name as one list. */
export function combined(lines: readonly string[], name: string): string | undefined {
  const values = all(lines, name)
  return values.length === 0 ? undefined : values.join(', ')
}
