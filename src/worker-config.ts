// The settings of a Worker: variables and secrets under the names that the command has for its environment.

import { z } from 'zod'

import type { Origin } from './config-origins.ts'
import type { Config, SiteConfig } from './config.ts'
import { configSchema, sitesOf } from './config.ts'

export interface WorkerConfig {
  readonly config: Config
  readonly origin: Exclude<Origin, { kind: 'directory' }>
  readonly site: SiteConfig
  readonly credentials: WorkerCredentials | undefined
  /** The largest object that is stored. */
  readonly maxStoredBytes: number
}

interface WorkerCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export interface WorkerProblems {
  /** One line for each variable that is wrong: which, and what is allowed. Values are not told. */
  readonly problems: readonly string[]
}

/** Variables of settings at the top of the config that mean something on Workers. */
const VARIABLES: ReadonlyMap<string, string> = new Map([
  ['SLUICE_ORIGIN', 'origin'],
  ['SLUICE_NAME', 'name'],
  ['SLUICE_DEFAULT_TTL', 'defaultTtl'],
  ['SLUICE_SEGMENT', 'segment'],
  ['SLUICE_METHODS', 'methods'],
  ['SLUICE_FORWARD', 'forward'],
  ['SLUICE_BREAKER', 'breaker'],
  ['SLUICE_S3_ENDPOINT', 's3Endpoint'],
  ['SLUICE_S3_REGION', 's3Region'],
])

/** A segment costs a subrequest, so they are larger than on Node. */
const SEGMENT = '8MiB'
/** Of the 50 subrequests of a free plan, what the head and the origin, asked anew every two segments, leave. */
const DEFAULT_SUBREQUEST_COUNT = 24

const subrequestCount = z.coerce
  .number('Allowed: 1 to 10000')
  .int('Allowed: 1 to 10000')
  .min(1, 'Allowed: 1 to 10000')
  .max(10_000, 'Allowed: 1 to 10000')

export function readWorkerConfig(
  variables: Readonly<Record<string, unknown>>,
): WorkerConfig | WorkerProblems {
  const input: Record<string, unknown> = { segment: SEGMENT }
  for (const [variable, setting] of VARIABLES) {
    const value = variables[variable]
    if (value !== undefined && value !== '') input[setting] = value
  }
  const parsed = configSchema.safeParse(input)
  const count = subrequestCount.safeParse(
    variables['SLUICE_SUBREQUESTS'] ?? DEFAULT_SUBREQUEST_COUNT,
  )
  const credentials = readCredentials(variables)
  const problems = [
    ...(parsed.success ? [] : parsed.error.issues.map(describeIssue)),
    ...(count.success
      ? []
      : count.error.issues.map(({ message }) => `SLUICE_SUBREQUESTS: ${message}`)),
    ...('problems' in credentials ? credentials.problems : []),
  ]
  const [origin, ...others] = parsed.data?.origin ?? []
  if (others.length > 0) problems.push(`SLUICE_ORIGIN: a Worker has one origin. ${ORIGINS}`)
  if (parsed.success && origin === undefined) problems.push(`SLUICE_ORIGIN is missing: ${ORIGINS}`)
  if (origin?.kind === 'directory') problems.push(`SLUICE_ORIGIN: ${ORIGINS}`)
  if (origin === undefined || origin.kind === 'directory') return { problems }
  if (!parsed.success || !count.success || 'problems' in credentials) return { problems }
  const [site] = sitesOf(parsed.data, origin)
  if (site === undefined) throw new Error('Cannot read config: it has no site')
  return {
    config: parsed.data,
    origin,
    // The Accept-Encoding that a Worker sees is Cloudflare's own, and it codes for the client what we give it.
    site: { ...site, codings: [] },
    credentials: credentials.found,
    maxStoredBytes: count.data * parsed.data.segment,
  }
}

const ORIGINS = 'Allowed: http://host[:port][/prefix], https://…, or s3://bucket[/prefix]'

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  const setting = String(path[0])
  for (const [variable, name] of VARIABLES) if (name === setting) return `${variable}: ${message}`
  return `${setting}: ${message}`
}

type CredentialsRead = { readonly found: WorkerCredentials | undefined } | WorkerProblems

function readCredentials(variables: Readonly<Record<string, unknown>>): CredentialsRead {
  const accessKeyId = textOf(variables['AWS_ACCESS_KEY_ID'])
  const secretAccessKey = textOf(variables['AWS_SECRET_ACCESS_KEY'])
  if (accessKeyId === undefined && secretAccessKey === undefined) return { found: undefined }
  if (accessKeyId === undefined) return missing('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY')
  if (secretAccessKey === undefined) return missing('AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID')
  const sessionToken = textOf(variables['AWS_SESSION_TOKEN'])
  return { found: { accessKeyId, secretAccessKey, sessionToken } }
}

function missing(name: string, other: string): WorkerProblems {
  return { problems: [`${name} is missing: ${other} is set, and one is nothing without the other`] }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
