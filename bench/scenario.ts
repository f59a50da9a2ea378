// Benchmarks that are more than one kind of request: each makes its own servers, and gives a table.

import { median } from './median.ts'

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** What was measured and how, in sentences. */
  readonly notes: readonly string[]
}

export interface Scenario {
  readonly name: string
  /** Everything it writes is below the directory, which is its own. */
  run(directory: string): Promise<Table>
}

export function formatTable({ title, columns, rows, notes }: Table): string {
  const lines = [columns, columns.map(() => '---'), ...rows].map(formatLine)
  return `## ${title}\n\n${lines.join('\n')}\n\n${notes.join(' ')}\n`
}

function formatLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** The median, and from the least to the most. */
export function formatSpread(values: readonly number[], digits = 1): string {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const middle = median(values).toFixed(digits)
  if (values.length < 2) return middle
  return `${middle} (${low.toFixed(digits)}–${high.toFixed(digits)})`
}
