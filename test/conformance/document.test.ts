// The document of conformance names every case, and nothing that is not there.

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { describe, expect, it } from 'vitest'

import { configSchema, sitesOf } from '../../src/config.ts'
import { compileSite } from '../../src/sites.ts'
import { CASES } from './all-cases.ts'
import type { Policy } from './case.ts'

const ROOT = new URL('../../', import.meta.url)
const TEXT = readFileSync(new URL('docs/conformance.md', ROOT), 'utf8')

/** The rows of the tables whose head begins with the name, cell by cell. */
function rowsOf(head: string): readonly (readonly string[])[] {
  const tables = TEXT.split(/\n\n/).filter((block) => block.startsWith(`| ${head} |`))
  return tables.flatMap((table) =>
    table
      .trim()
      .split('\n')
      .slice(2)
      .map((line) => line.slice(1, -1).split('|'))
      .map((cells) => cells.map((cell) => cell.trim())),
  )
}

const SETTING_ROWS = rowsOf('setting')
const CLAUSE_ROWS = rowsOf('clause')

const NAMES = CLAUSE_ROWS.flatMap(([, , , tests = '']) =>
  [...tests.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
)

function fits(name: string, id: string): boolean {
  const pattern = name.split('*').map((part) => part.replace(/[^a-z0-9-]/g, '\\$&'))
  return new RegExp(`^${pattern.join('.*')}$`).test(id)
}

describe('docs/conformance.md', () => {
  it('names a test in every row of clauses', () => {
    const odd = CLAUSE_ROWS.filter(
      (row) => row.length !== 4 || row.at(-1)?.startsWith('`') !== true,
    )
    expect(odd).toEqual([])
    expect(CLAUSE_ROWS.length).toBeGreaterThan(150)
  })

  it('names only test files and cases that exist', () => {
    const missing = NAMES.filter((name) =>
      name.includes('/')
        ? !existsSync(fileURLToPath(new URL(name, ROOT)))
        : !CASES.some(({ id }) => fits(name, id)),
    )
    expect(missing).toEqual([])
  })

  it('names every case', () => {
    const unnamed = CASES.filter(({ id }) => !NAMES.some((name) => fits(name, id)))
    expect(unnamed.map(({ id }) => id)).toEqual([])
  })

  it('says of the policies what the settings are compiled to', () => {
    const documented = SETTING_ROWS.map(([setting = '', careful, rfc]) => ({
      setting: setting.replaceAll('`', ''),
      careful,
      rfc,
    }))
    const careful = settingsOf('careful')
    const rfc = settingsOf('rfc')
    expect(documented).toEqual(
      documented.map(({ setting }) => ({
        setting,
        careful: careful.get(setting),
        rfc: rfc.get(setting),
      })),
    )
  })

  it('has every setting in which the policies differ', () => {
    const careful = settingsOf('careful')
    const rfc = settingsOf('rfc')
    const differing = [...careful.keys()].filter((name) => careful.get(name) !== rfc.get(name))
    const documented = SETTING_ROWS.map(([setting = '']) => setting.replaceAll('`', ''))
    expect(differing.length).toBeGreaterThan(5)
    expect(differing.filter((name) => !documented.includes(name))).toEqual([])
  })
})

/** Names in the config of what is compiled under another name. */
const CONFIG_NAMES: Readonly<Record<string, string>> = {
  storesAnyStatus: 'storeAnyStatus',
  storesSetCookie: 'storeSetCookie',
  storesWithCookie: 'storeWithCookie',
  storesPost: 'storePost',
  storesUndelimited: 'storeUndelimited',
  ignoresSetCookie: 'ignoreSetCookie',
  honoursQualified: 'qualifiedDirectives',
}

function settingsOf(policy: Policy): ReadonlyMap<string, string> {
  const config = configSchema.parse({ policy, origin: 'http://origin.test' })
  const [site] = sitesOf(config, { kind: 'directory', path: '.' })
  if (site === undefined) throw new Error('Cannot compile: no site')
  const compiled = compileSite(config, site, { fetch: () => Promise.reject(new Error('unused')) })
  const settings = Object.entries(compiled.policy).map(
    ([name, value]) =>
      [CONFIG_NAMES[name] ?? name.replace(/Ms$/, ''), textOf(name, value)] as const,
  )
  return new Map([
    ...settings,
    ['forward', compiled.forward.mode],
    ['ignoreLanguageOrder', textOf('', compiled.forward.ignoresLanguageOrder)],
    ['noVarySearch', textOf('', compiled.usesNoVarySearch)],
  ])
}

function textOf(name: string, value: unknown): string {
  if (value === undefined) return 'off'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (value instanceof Map) {
    return [...value].map(([status, ms]) => `${status}: ${durationText(Number(ms))}`).join(', ')
  }
  if (typeof value === 'number') return name.endsWith('Ms') ? durationText(value) : String(value)
  if (typeof value === 'string') return value
  return Array.isArray(value) ? value.join(', ') : JSON.stringify(value)
}

const DAY_MS = 86_400_000

function durationText(ms: number): string {
  return ms > 0 && ms % DAY_MS === 0 ? `${ms / DAY_MS}d` : `${ms / 1000}s`
}
