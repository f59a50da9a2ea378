import { mkdirSync, writeFileSync } from 'node:fs'

/** Prints a table, and writes it beside those of other days. */
export function writeResult(name: string, table: string): void {
  process.stdout.write(`${table}\n`)
  const results = new URL('./results/', import.meta.url)
  mkdirSync(results, { recursive: true })
  const day = new Date().toISOString().slice(0, 10)
  const head = `Node ${process.versions.node}, ${day}.\n\n`
  writeFileSync(new URL(`${day}-${name}.md`, results), `${head}${table}\n`)
}
