// Credentials that are rotated while the process runs: the shared file is read again when it changes, and a program that
// tells credentials is run again before they expire.

import { exec } from 'node:child_process'
import { promisify } from 'node:util'

import type { Maybe } from '#core/entry/byte-source.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { AwsCredentials } from './aws-credentials.ts'
import { awsCredentialsPath, readAwsCredentials } from './aws-credentials.ts'
import { createFileLook } from './file-look.ts'

export interface CredentialSourceOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** Told when new ones cannot be had, and the old ones are used on. */
  record(event: FlowEvent): void
}

/** @returns Those to sign with now; `undefined`: none, so that requests go unsigned. */
export type CredentialSource = () => Maybe<AwsCredentials | undefined>

/** Before they expire, credentials of a program are asked for anew. */
const EARLY_MS = 5 * 60_000
const PROGRAM_TIMEOUT_MS = 30_000
/** After a program has failed. */
const REST_MS = 10_000

const run = promisify(exec)

/** @throws As `readAwsCredentials`: what is wrong from the beginning is said at once. */
export function createCredentialSource(options: CredentialSourceOptions): CredentialSource {
  const { environment, clock, record } = options
  const path = awsCredentialsPath(environment)
  let known = readAwsCredentials(environment)
  let program = programOf(known, options)

  /** What is half written, or taken away for a moment, must not take away what is known. */
  function take(): void {
    const read = readAwsCredentials(environment)
    if (read === undefined && known !== undefined) throw new Error(`"${path}" has none any more`)
    known = read
    program = programOf(read, options)
  }
  const look = createFileLook({ path, clock, take, record })

  return () => {
    look()
    if (program !== undefined) return program()
    return known === undefined || 'command' in known ? undefined : known
  }
}

function programOf(
  found: ReturnType<typeof readAwsCredentials>,
  options: CredentialSourceOptions,
): CredentialSource | undefined {
  if (found === undefined || !('command' in found)) return undefined
  const { clock, record } = options
  const { command } = found
  let current: Told | undefined
  let asking: Promise<AwsCredentials | undefined> | undefined
  let restsUntilMs = 0

  async function ask(): Promise<AwsCredentials | undefined> {
    try {
      current = await askProgram(command)
    } catch (error) {
      restsUntilMs = clock.nowMs() + REST_MS
      const message = error instanceof Error ? error.message : String(error)
      record({ kind: 'credentials-kept', message })
      if (current === undefined) throw error
    } finally {
      asking = undefined
    }
    return current.credentials
  }

  return () => {
    const nowMs = clock.nowMs()
    const leftMs = current === undefined ? 0 : current.expiresAtMs - nowMs
    if (leftMs <= EARLY_MS && nowMs >= restsUntilMs) asking ??= ask()
    // As long as there are good ones, nobody waits for new ones.
    if (current !== undefined && (leftMs > 0 || asking === undefined)) {
      asking?.catch(() => undefined)
      return current.credentials
    }
    return asking ?? Promise.reject(new Error('Cannot sign: the program of the profile has failed'))
  }
}

interface Told {
  readonly credentials: AwsCredentials
  readonly expiresAtMs: number
}

/** Through a shell, as the AWS tools do it; JSON of version 1 on its output. */
async function askProgram(command: string): Promise<Told> {
  const { stdout } = await run(command, { timeout: PROGRAM_TIMEOUT_MS, maxBuffer: 64 * 1024 })
  const told: unknown = JSON.parse(stdout)
  if (typeof told !== 'object' || told === null)
    throw new Error('Cannot use credentials: no object')
  const text = (name: string) => {
    const value: unknown = Reflect.get(told, name)
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const accessKeyId = text('AccessKeyId')
  const secretAccessKey = text('SecretAccessKey')
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error('Cannot use credentials: the program told no AccessKeyId or SecretAccessKey')
  }
  const expiration = text('Expiration')
  return {
    credentials: { accessKeyId, secretAccessKey, sessionToken: text('SessionToken') },
    expiresAtMs: expiration === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiration),
  }
}
