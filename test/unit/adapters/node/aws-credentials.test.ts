import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { readAwsCredentials, readAwsRegion } from '../../../../src/adapters/node/aws-credentials.ts'

const FILE = `
# The usual one.
[default]
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key=abc/+=
region = eu-west-1

[ci]
aws_access_key_id=ASIACI
aws_secret_access_key =  def
aws_session_token = token==
; aws_session_token = other

[sso]
sso_start_url = https://example.test
`

let home: string

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-aws-'))
})

afterEach(async () => {
  await rm(home, { recursive: true })
})

async function writeDefaultFile(): Promise<void> {
  await mkdir(join(home, '.aws'))
  await writeFile(join(home, '.aws', 'credentials'), FILE)
}

describe('readAwsCredentials', () => {
  it('prefers the environment to the file', async () => {
    await writeDefaultFile()
    const environment = { HOME: home, AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 'S' }
    expect(readAwsCredentials(environment)).toEqual({ accessKeyId: 'A', secretAccessKey: 'S' })
    expect(readAwsCredentials({ ...environment, AWS_SESSION_TOKEN: 'T' })).toMatchObject({
      sessionToken: 'T',
    })
  })

  it('reads the default profile, or the one named', async () => {
    await writeDefaultFile()
    expect(readAwsCredentials({ HOME: home })).toEqual({
      accessKeyId: 'AKIDDEFAULT',
      secretAccessKey: 'abc/+=',
    })
    expect(readAwsCredentials({ HOME: home, AWS_PROFILE: 'ci' })).toEqual({
      accessKeyId: 'ASIACI',
      secretAccessKey: 'def',
      sessionToken: 'token==',
    })
  })

  it('reads the file that is named', async () => {
    const path = join(home, 'elsewhere')
    await writeFile(path, FILE)
    const found = readAwsCredentials({ HOME: home, AWS_SHARED_CREDENTIALS_FILE: path })
    expect(found).toMatchObject({ accessKeyId: 'AKIDDEFAULT' })
  })

  it('takes the program that the profile names, where it names no keys', async () => {
    const path = join(home, 'program')
    await writeFile(path, '[default]\ncredential_process = /opt/tell --json\n')
    const found = readAwsCredentials({ HOME: home, AWS_SHARED_CREDENTIALS_FILE: path })
    expect(found).toEqual({ command: '/opt/tell --json' })
  })

  it('finds nothing where nothing is', () => {
    expect(readAwsCredentials({ HOME: home })).toBeUndefined()
    expect(readAwsCredentials({ HOME: home, AWS_ACCESS_KEY_ID: 'alone' })).toBeUndefined()
  })

  it('throws on a named profile or file that is not there, or holds no keys', async () => {
    const missing = { HOME: home, AWS_SHARED_CREDENTIALS_FILE: join(home, 'none') }
    expect(() => readAwsCredentials(missing)).toThrow('there is no file')
    await writeDefaultFile()
    expect(() => readAwsCredentials({ HOME: home, AWS_PROFILE: 'nobody' })).toThrow('no profile')
    expect(() => readAwsCredentials({ HOME: home, AWS_PROFILE: 'sso' })).toThrow('incomplete')
  })
})

describe('readAwsRegion', () => {
  it('prefers AWS_REGION, and takes empty for absent', () => {
    expect(readAwsRegion({ AWS_REGION: 'a', AWS_DEFAULT_REGION: 'b' })).toBe('a')
    expect(readAwsRegion({ AWS_REGION: '', AWS_DEFAULT_REGION: 'b' })).toBe('b')
    expect(readAwsRegion({})).toBeUndefined()
  })
})
