// Credentials where the AWS tools look for them: the environment, then the shared credentials file.

import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** A program of the profile that tells credentials, as the AWS tools run it. */
export interface CredentialProcess {
  readonly command: string
}

/** The file that the AWS tools share: AWS_SHARED_CREDENTIALS_FILE, else `~/.aws/credentials`. */
export function awsCredentialsPath(environment: Environment): string {
  const named = environment['AWS_SHARED_CREDENTIALS_FILE'] || undefined
  return named ?? join(environment['HOME'] || homedir(), '.aws', 'credentials')
}

/**
 * Reads the credentials now: AWS_ACCESS_KEY_ID and its kin, else the profile AWS_PROFILE (`default`) of the shared file,
 * which may name a `credential_process` instead.
 *
 * @returns `undefined` when there are none: requests then go unsigned.
 * @throws When a profile or a file was named and is not there, or the named profile is incomplete:
 * going unsigned instead would be a surprise.
 */
export function readAwsCredentials(
  environment: Environment,
): AwsCredentials | CredentialProcess | undefined {
  const own = credentialsOf(
    environment['AWS_ACCESS_KEY_ID'],
    environment['AWS_SECRET_ACCESS_KEY'],
    environment['AWS_SESSION_TOKEN'],
  )
  if (own !== undefined) return own
  const profile = environment['AWS_PROFILE'] || undefined
  const namedPath = environment['AWS_SHARED_CREDENTIALS_FILE'] || undefined
  const path = awsCredentialsPath(environment)
  const text = readIfThere(path)
  if (text === undefined) {
    if (profile === undefined && namedPath === undefined) return undefined
    throw new Error(`Cannot read AWS credentials: there is no file "${path}"`)
  }
  const settings = profileOf(text, profile ?? 'default')
  if (settings === undefined) {
    if (profile === undefined) return undefined
    throw new Error(`Cannot read AWS credentials: "${path}" has no profile "${profile}"`)
  }
  const found = credentialsOf(
    settings.get('aws_access_key_id'),
    settings.get('aws_secret_access_key'),
    settings.get('aws_session_token'),
  )
  const command = settings.get('credential_process')
  if (found === undefined && command) return { command }
  if (found !== undefined || profile === undefined) return found
  throw new Error(`Cannot read AWS credentials: profile "${profile}" of "${path}" is incomplete`)
}

/** AWS_REGION, else AWS_DEFAULT_REGION. */
export function readAwsRegion(environment: Environment): string | undefined {
  return environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'] || undefined
}

/** Empty is absent, as for the AWS tools. */
function credentialsOf(
  accessKeyId: string | undefined,
  secretAccessKey: string | undefined,
  sessionToken: string | undefined,
): AwsCredentials | undefined {
  if (!accessKeyId || !secretAccessKey) return undefined
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** The settings of one section. Of a setting given twice the last counts, as for the AWS tools. */
function profileOf(text: string, profile: string): ReadonlyMap<string, string> | undefined {
  let settings: Map<string, string> | undefined
  let isInside = false
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    const section = /^\[\s*([^\]]*?)\s*\]/.exec(line)
    if (section !== null) {
      isInside = section[1] === profile
      if (isInside) settings ??= new Map()
      continue
    }
    const equals = line.indexOf('=')
    if (!isInside || equals < 0) continue
    settings?.set(line.slice(0, equals).trim().toLowerCase(), line.slice(equals + 1).trim())
  }
  return settings
}
