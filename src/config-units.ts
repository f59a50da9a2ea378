// Sizes and durations as people write them.

import { z } from 'zod'

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1000],
  ['kib', 1024],
  ['k', 1024],
  ['mb', 1000 ** 2],
  ['mib', 1024 ** 2],
  ['m', 1024 ** 2],
  ['gb', 1000 ** 3],
  ['gib', 1024 ** 3],
  ['g', 1024 ** 3],
  ['tb', 1000 ** 4],
  ['tib', 1024 ** 4],
  ['t', 1024 ** 4],
])

const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['', 1000],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

function parseWithUnit(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  const factor = units.get((match?.[2] ?? '-').toLowerCase())
  if (match?.[1] === undefined || factor === undefined) return undefined
  return Math.round(Number(match[1]) * factor)
}

interface Bounds {
  readonly min: number
  readonly max: number
  /** The bounds in words, as a message shows them. */
  readonly allowed: string
}

function quantity(units: ReadonlyMap<string, number>, example: string, bounds: Bounds) {
  const { min, max, allowed } = bounds
  return z
    .union([z.string(), z.number()], { error: `Allowed: ${allowed}, such as ${example}` })
    .transform((value, context) => {
      const parsed = typeof value === 'number' ? value : parseWithUnit(value, units)
      if (parsed !== undefined && parsed >= min && parsed <= max) return parsed
      context.addIssue({ code: 'custom', message: `Allowed: ${allowed}, such as ${example}` })
      return z.NEVER
    })
    .meta({ description: `${allowed}, such as ${example}` })
}

/** Bytes: a number, or a number with a unit (`64KiB`, `10GB`). */
export function size(bounds: Bounds) {
  return quantity(SIZE_UNITS, '64MiB', bounds)
}

/** Milliseconds from a text with a unit (`250ms`, `30s`, `2h`); a bare text counts seconds, a number milliseconds. */
export function duration(bounds: Bounds) {
  return quantity(DURATION_UNITS, '30s', bounds)
}
