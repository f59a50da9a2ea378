// Flags over environment over config file, checked together before anything is bound.

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import type { Config } from './config.ts'
import { configSchema, describeProblems } from './config.ts'

const DEFAULT_FILE = 'sluice.config.ts'
/** What a wrong setting or argument exits with. */
export const EXIT_USAGE = 2

/** As they were given, by the names of settings; those that may be there several times as lists. */
export type Flags = Readonly<Record<string, string | readonly string[]>>

type Settings = Readonly<Record<string, unknown>>

/** Exits with 2, having said what is wrong, when a setting is not usable. */
export async function loadConfig(flags: Flags, environment: NodeJS.ProcessEnv): Promise<Config> {
  const { config: given, ...others } = flags
  const named = typeof given === 'string' ? given : environment['SLUICE_CONFIG']
  const path = named ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined)
  const file = path === undefined ? {} : await readConfigFile(path)
  return parseOrExit({ ...file, ...fromEnvironment(environment), ...others })
}

/** `sluice config check`. */
export async function checkConfigFile(path: string): Promise<void> {
  parseOrExit(await readConfigFile(path))
  process.stdout.write(`${path}: every setting is usable\n`)
}

function parseOrExit(settings: Settings): Config {
  const parsed = configSchema.safeParse(settings)
  if (parsed.success) return parsed.data
  fail(describeProblems(parsed.error, settings))
}

/** Settings that are no single value. */
const FILE_ONLY: ReadonlySet<string> = new Set(['sites', 'limits', 'originTls'])

/** Variables `SLUICE_DISK_SIZE` for the settings at the top that flags have too. */
function fromEnvironment(environment: NodeJS.ProcessEnv): Settings {
  const settings: Record<string, string> = {}
  for (const name of Object.keys(configSchema.shape)) {
    if (FILE_ONLY.has(name)) continue
    const variable = `SLUICE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
    const value = environment[variable]
    if (value !== undefined && value !== '') settings[name] = value
  }
  const otlpEndpoint = environment['OTEL_EXPORTER_OTLP_ENDPOINT']
  if (otlpEndpoint !== undefined && otlpEndpoint !== '') settings['otlpEndpoint'] ??= otlpEndpoint
  return settings
}

async function readConfigFile(path: string): Promise<Settings> {
  try {
    const loaded: unknown = path.endsWith('.json')
      ? JSON.parse(readFileSync(path, 'utf8'))
      : defaultExport(await import(pathToFileURL(resolve(path)).href))
    if (typeof loaded === 'object' && loaded !== null && !Array.isArray(loaded)) {
      return loaded as Settings
    }
    return fail([
      `Cannot use config file "${path}": it holds no object; export default defineConfig({ … })`,
    ])
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return fail([`Cannot read config file "${path}": ${message}`])
  }
}

function defaultExport(module: unknown): unknown {
  return typeof module === 'object' && module !== null && 'default' in module
    ? module.default
    : undefined
}

function fail(problems: readonly string[]): never {
  for (const problem of problems) process.stderr.write(`sluice: ${problem}\n`)
  process.stderr.write('sluice: nothing was started; `sluice serve --help` shows the settings\n')
  process.exit(EXIT_USAGE)
}
