import { describe, expect, it } from 'vitest'

import { readWorkerConfig } from '../../src/worker-config.ts'
import type { WorkerConfig } from '../../src/worker-config.ts'

const MIB = 2 ** 20

function usable(variables: Readonly<Record<string, unknown>>): WorkerConfig {
  const read = readWorkerConfig({ SLUICE_ORIGIN: 'https://origin.test/prefix', ...variables })
  if ('problems' in read) throw new Error(`Cannot use: ${read.problems.join(', ')}`)
  return read
}

function problemsOf(variables: Readonly<Record<string, unknown>>): readonly string[] {
  const read = readWorkerConfig(variables)
  return 'problems' in read ? read.problems : []
}

describe('readWorkerConfig', () => {
  it('needs an origin and nothing else', () => {
    const { config, origin, site, credentials, maxStoredBytes } = usable({})
    expect(origin).toMatchObject({ kind: 'http' })
    expect(config).toMatchObject({ name: 'sluice', segment: 8 * MIB })
    expect(credentials).toBeUndefined()
    expect(maxStoredBytes).toBe(24 * 8 * MIB)
    // What a Worker sees of Accept-Encoding is not the client's.
    expect(site.codings).toEqual([])
  })

  it('reads variables under the names that the command has, and ignores what is empty', () => {
    const { config, maxStoredBytes } = usable({
      SLUICE_NAME: 'edge-1',
      SLUICE_DEFAULT_TTL: '10m',
      SLUICE_SEGMENT: '1MiB',
      SLUICE_SUBREQUESTS: '100',
      SLUICE_METHODS: '',
      OTHER: {},
    })
    const expected = { name: 'edge-1', defaultTtl: 600_000, segment: MIB, methods: 'read' }
    expect(config).toMatchObject(expected)
    expect(maxStoredBytes).toBe(100 * MIB)
  })

  it('takes a bucket with credentials, or without any', () => {
    const bucket = { SLUICE_ORIGIN: 's3://bucket/folder', SLUICE_S3_ENDPOINT: 'https://s3.test' }
    const secrets = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' }
    expect(usable(bucket).credentials).toBeUndefined()
    const { origin, credentials } = usable({ ...bucket, ...secrets })
    expect(origin).toEqual({ kind: 's3', bucket: 'bucket', prefix: 'folder' })
    expect(credentials).toMatchObject({ accessKeyId: 'key', secretAccessKey: 'secret' })
  })

  it.each([
    [{}, 'SLUICE_ORIGIN is missing: Allowed: http://'],
    [{ SLUICE_ORIGIN: './folder' }, 'SLUICE_ORIGIN: Allowed: http://'],
    [{ SLUICE_ORIGIN: 'ftp://a' }, 'SLUICE_ORIGIN: Allowed: http://'],
    [{ SLUICE_SEGMENT: '1GiB' }, 'SLUICE_SEGMENT: Allowed: 64KiB to 16MiB'],
    [{ SLUICE_DEFAULT_TTL: 'soon' }, 'SLUICE_DEFAULT_TTL: '],
    [{ SLUICE_NAME: 'a b' }, 'SLUICE_NAME: Allowed: a letter'],
    [{ SLUICE_SUBREQUESTS: '0' }, 'SLUICE_SUBREQUESTS: Allowed: 1 to 10000'],
    [{ SLUICE_SUBREQUESTS: 'many' }, 'SLUICE_SUBREQUESTS: Allowed: 1 to 10000'],
    [{ AWS_ACCESS_KEY_ID: 'key' }, 'AWS_SECRET_ACCESS_KEY is missing'],
    [{ AWS_SECRET_ACCESS_KEY: 'hidden' }, 'AWS_ACCESS_KEY_ID is missing'],
  ])('says which variable is wrong, and tells no value: %o', (variables, text) => {
    const problems = problemsOf(variables)
    expect(problems.some((problem) => problem.startsWith(text))).toBe(true)
    expect(problems.join('\n')).not.toContain('hidden')
  })
})
