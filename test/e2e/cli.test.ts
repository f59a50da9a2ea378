// The command line of the real process: help, config check, wrong values, precedence (F-61).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { configSchema } from '#config'
import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import { runSluice, startSluice } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const files = createConfigFiles()
let origin: TestOrigin

beforeAll(async () => {
  origin = await startTestOrigin()
  origin.put('/a', { body: 'a', fields: [['Cache-Control', 'no-store']] })
})

afterAll(async () => {
  await origin.close()
  files.remove()
})

function flagOf(setting: string): string {
  return `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** Settings that a flag can hold; the others need a file. */
const FLAG_SETTINGS = Object.keys(configSchema.shape).filter(
  (name) => !['limits', 'sites', 'originTls'].includes(name),
)

describe.concurrent('help', () => {
  it.each([
    [['--help'], ['serve', 'config', '--version']],
    [
      ['config', '--help'],
      ['check', 'schema'],
    ],
    [['config', 'check', '--help'], ['<file>']],
    [['config', 'schema', '--help'], ['JSON Schema']],
    [
      ['serve', '--help'],
      [...FLAG_SETTINGS.map(flagOf), '--config', 'SLUICE_'],
    ],
  ])('of %j names everything, on stdout, and ends with 0', async (args, words) => {
    const { code, stdout, stderr } = await runSluice(args)
    expect(code).toBe(0)
    expect(stderr).toBe('')
    expect(words.filter((word) => !stdout.includes(word))).toEqual([])
  })

  it('is pointed at by an unknown flag or command, which end with an error', async () => {
    const flag = await runSluice(['serve', '--no-such-flag'])
    expect(flag.stderr).toContain('--no-such-flag')
    expect(flag.stderr).toContain('--help')
    expect(flag.code).toBe(2)
    const command = await runSluice(['no-such-command'])
    expect(command.code).toBe(2)
  })
})

describe('config schema', () => {
  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>
    readonly items?: Schema
    readonly type?: unknown
    readonly anyOf?: unknown
    readonly enum?: unknown
    readonly description?: string
    readonly additionalProperties?: unknown
    readonly $schema?: string
  }

  it('is a JSON Schema that has every setting with its type', async () => {
    const { code, stdout } = await runSluice(['config', 'schema'])
    expect(code).toBe(0)
    const schema = JSON.parse(stdout) as Schema
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
    const top = schema.properties ?? {}
    expect(Object.keys(top).toSorted()).toEqual(Object.keys(configSchema.shape).toSorted())
    expect(schema.additionalProperties).toBe(false)
    const limits = top['limits']?.properties ?? {}
    expect(Object.keys(limits)).toContain('headTimeout')
    const site = top['sites']?.items?.properties ?? {}
    expect(Object.keys(site)).toEqual(expect.arrayContaining(['name', 'origins', 'ttl', 'cors']))
    const all = Object.entries({ ...top, ...limits, ...site })
    const untyped = all.filter(
      ([, { type, anyOf, enum: values }]) => (type ?? anyOf ?? values) === undefined,
    )
    expect(untyped.map(([name]) => name)).toEqual([])
  })
})

describe.concurrent('config check', () => {
  const GOOD = { origin: 'https://example.com', memory: '1GiB', limits: { headTimeout: '5s' } }

  it.each([
    ['good.json', GOOD],
    ['good.ts', `const memory: string = '1GiB'\nexport default { origin: '/srv', memory }\n`],
    ['empty.json', {}],
  ])('takes %s', async (name, content) => {
    const path = files.write(name, content)
    const { code, stdout, stderr } = await runSluice(['config', 'check', path])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('every setting is usable')
  })

  it.each([
    ['not JSON', 'syntax.json', '{ "memory": 1', 'syntax.json'],
    ['a list', 'list.json', '[]', 'holds no object'],
    ['no default export', 'none.ts', 'export const memory = 1\n', 'holds no object'],
    ['TypeScript with a mistake', 'wrong.ts', 'export default {', 'wrong.ts'],
    ['one that throws', 'throws.ts', "throw new Error('not today')\n", 'not today'],
    ['an unknown setting', 'unknown.json', '{ "memroy": "1GiB" }', '"memroy"'],
    ['an unknown limit', 'limit.json', '{ "limits": { "heads": 1 } }', '"limits.heads"'],
    ['a site without origins', 'site.json', '{ "sites": [{ "name": "a" }] }', 'sites.0.origins'],
    [
      'origin and sites',
      'both.json',
      '{ "origin": "/", "sites": [{ "name": "a", "origins": ["/"] }] }',
      'not both',
    ],
    [
      'two sites of a name',
      'twice.json',
      '{ "sites": [{ "name": "a", "origins": ["/"] }, { "name": "a", "origins": ["/"] }] }',
      '"a" is there twice',
    ],
    [
      'a field of the framing',
      'framing.json',
      '{ "sites": [{ "name": "a", "origins": ["/"], "response": [{ "set": { "Content-Length": "1" } }] }] }',
      'content-length',
    ],
  ])('refuses %s with 2', async (_, name, content, word) => {
    const path = files.write(name, content)
    const { code, stderr } = await runSluice(['config', 'check', path])
    expect(code).toBe(2)
    expect(stderr.toLowerCase()).toContain(word.toLowerCase())
    expect(stderr).not.toContain('    at ')
  })

  it('refuses a file that is not there with 2', async () => {
    const { code, stderr } = await runSluice(['config', 'check', 'no-such-file.json'])
    expect(code).toBe(2)
    expect(stderr).toContain('no-such-file.json')
  })
})

/** Setting, a wrong value, and a word of what is allowed instead. */
const WRONG_FLAGS: readonly (readonly [string, string, string])[] = [
  ['origin', 'ftp://example.com', 's3://bucket'],
  ['s3Endpoint', 'example', 'http'],
  ['listen', '127.0.0.1:99999', 'HOST:PORT'],
  ['tlsListen', 'everywhere', 'HOST:PORT'],
  ['admin', 'nowhere', 'HOST:PORT'],
  ['memory', '1', '1MiB to 1TiB'],
  ['diskSize', '10XB', '64MiB to 1PiB'],
  ['segment', '1KiB', '64KiB to 16MiB'],
  ['defaultTtl', '-1s', '0s to 365d'],
  ['methods', 'some', 'read'],
  ['policy', 'wild', 'careful'],
  ['breaker', 'perhaps', 'on'],
  ['forward', 'none', 'listed'],
  ['name', '9lives', 'a letter'],
  ['log', 'xml', 'json'],
  ['logLevel', 'loud', 'debug'],
  ['drainDelay', '2h', '0s to 1h'],
  ['otlpEndpoint', 'collector', 'http'],
]

const WRONG_LIMITS: readonly (readonly [string, unknown, string])[] = [
  ['connectTimeout', '0s', '1ms to 60s'],
  ['firstByteTimeout', '11m', '1ms to 10m'],
  ['idleTimeout', 'soon', '1ms to 10m'],
  ['originConcurrency', 0, '1'],
  ['originQueue', 1.5, 'int'],
  ['originAttempts', 11, '10'],
  ['handshakeTimeout', '11m', '1ms to 10m'],
  ['headTimeout', '1y', '1ms to 10m'],
  ['keepAlive', '2d', '1ms to 1d'],
  ['requestsPerConnection', -1, '0'],
  ['headSize', '2MiB', '1KiB to 1MiB'],
  ['targetSize', '1B', '64B to 64KiB'],
  ['fieldSize', 'big', '64B to 1MiB'],
  ['fieldCount', 2001, '2000'],
  ['window', '1B', '128KiB to 1GiB'],
  ['fillBudget', '1KiB', '1MiB to 64GiB'],
  ['breakerFailures', 'many', 'number'],
]

describe.concurrent('a wrong value', () => {
  it('is named with its setting and what is allowed, for every flag, and ends with 2', async () => {
    const args = WRONG_FLAGS.flatMap(([setting, value]) => [flagOf(setting), value])
    const { code, stdout, stderr } = await runSluice(['serve', ...args])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('nothing was started')
    const lines = stderr.split('\n')
    const missing = WRONG_FLAGS.filter(([setting, value, allowed]) => {
      const line = lines.find((found) => found.includes(`"${setting}" = ${JSON.stringify(value)}`))
      return line?.includes(allowed) !== true
    })
    expect(missing).toEqual([])
  })

  it('is named with its setting and what is allowed, for limits, and ends with 2', async () => {
    const limits = Object.fromEntries(WRONG_LIMITS)
    const path = files.write('wrong-limits.json', { limits })
    const { code, stdout, stderr } = await runSluice(['serve', '--config', path])
    expect([code, stdout]).toEqual([2, ''])
    const lines = stderr.split('\n')
    const missing = WRONG_LIMITS.filter(([setting, value, allowed]) => {
      const wanted = `"limits.${setting}" = ${JSON.stringify(value)}`
      return lines.find((line) => line.includes(wanted))?.includes(allowed) !== true
    })
    expect(missing).toEqual([])
  })

  it('ends the process before an address is bound that somebody has', async () => {
    const listen = `127.0.0.1:${origin.port}`
    const { code, stderr } = await runSluice(['--listen', listen, '--segment', '3'])
    expect(code).toBe(2)
    expect(stderr).toContain('"segment" = "3"')
    expect(stderr).not.toContain(listen)
  })

  it('counts in the environment too, by the name of its setting', async () => {
    const { code, stderr } = await runSluice(['serve'], { env: { SLUICE_DISK_SIZE: 'huge' } })
    expect(code).toBe(2)
    expect(stderr).toContain('"diskSize" = "huge"')
  })

  it('of OTEL_EXPORTER_OTLP_ENDPOINT says so, and ends with 2', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'not a url' }
    const { code, stderr } = await runSluice(['serve', '--disk', 'off'], { env })
    expect(code).toBe(2)
    expect(stderr).toContain('not a url')
  })
})

describe.concurrent('settings', () => {
  it.each([
    ['the file', {}, [], 'from-file'],
    ['the environment over the file', { SLUICE_NAME: 'from-env' }, [], 'from-env'],
    ['an empty variable as none', { SLUICE_NAME: '' }, [], 'from-file'],
    ['flags over both', { SLUICE_NAME: 'from-env' }, ['--name', 'from-flag'], 'from-flag'],
  ])('come from %s', async (what, env, flags, expected) => {
    // Of its own: they run at the same time.
    const path = files.write(`${what}.json`, { name: 'from-file', origin: origin.url })
    const variables = { ...env, SLUICE_CONFIG: path }
    const sluice = await startSluice(flags, { env: variables })
    const { header } = await httpGet(`${sluice.url}/a`)
    expect(header('via')).toBe(`1.1 ${expected}`)
    expect(header('cache-status')?.split(';')[0]).toBe(expected)
    await sluice.finish()
  })

  it('come from sluice.config.ts where the process starts', async () => {
    files.write('sluice.config.ts', `export default { name: 'here', origin: '${origin.url}' }\n`)
    const sluice = await startSluice([], { cwd: files.directory })
    expect((await httpGet(`${sluice.url}/a`)).header('via')).toBe('1.1 here')
    await sluice.finish()
  })
})
