// Every setting: its name, unit, default and range. Parsed once; nothing else reads flags or environment.

import { z } from 'zod'

import type { Fields } from '#core/entry/fields.ts'
import { HOP_BY_HOP } from '#core/http/hop-by-hop.ts'
import { isNeverStored } from '#core/policy/statuses.ts'
import type { Origin } from './config-origins.ts'
import {
  file,
  healthCheck,
  memberOf,
  nameServers,
  originList,
  originMember,
  originTls,
} from './config-origins.ts'
import { checkTls, hasCertificate, siteTls, topTlsSettings } from './config-tls.ts'
import { duration, size } from './config-units.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS

export interface HostPort {
  readonly host: string
  readonly port: number
}

const hostPort = z.string().transform((text, context): HostPort => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (match !== null && port <= 65_535) return { host: match[1] ?? (match[2] || '0.0.0.0'), port }
  context.addIssue({ code: 'custom', message: 'Allowed: HOST:PORT, such as 127.0.0.1:8080' })
  return z.NEVER
})

const off = z.literal('off').transform(() => undefined)
const onOff = z.union([z.boolean(), z.enum(['on', 'off']).transform((text) => text === 'on')], {
  error: 'Allowed: on or off',
})
const httpUrl = z.url({ protocol: /^https?$/, error: 'Allowed: http://host[:port] or https://…' })
const fieldName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'Allowed: a field name')
/** Fields that say where a message ends, or are for one connection: no rule may say otherwise. */
const FRAMING: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'content-length', 'content-range'])
const ownField = fieldName
  .toLowerCase()
  .refine((name) => !FRAMING.has(name), 'Allowed: a field that does not frame the message')
const fieldValue = z.string().regex(/^[\t\x20-\x7e]*$/, 'Allowed: visible ASCII')
const pathPrefix = z.string().startsWith('/', 'Allowed: a path that begins with /')
const ttl = duration({ min: 0, max: YEAR_MS, allowed: '0s to 365d' })
const ttlOrOff = z.union([off, ttl], { error: 'Allowed: 0s to 365d, such as 30s, or off' })
const methods = z.enum(['read', 'all'])
const forward = z.enum(['all', 'listed'])

const NEVER_STORED = 'Allowed: no 412, 416, 428, 429, 431 or 511, which answer one client alone'

const ttlRule = z.strictObject({
  name: z.string().min(1).optional().meta({ description: 'For logs; else its place in the list' }),
  path: pathPrefix.optional(),
  status: z.array(z.int().min(200).max(599)).min(1).optional(),
  contentType: z.string().toLowerCase().optional().meta({ description: 'text/css, or image/*' }),
  ttl,
  override: z
    .boolean()
    .default(false)
    .meta({ description: 'Replace what the origin says; never no-store or private' }),
})

const responseRule = z.strictObject({
  path: pathPrefix.optional(),
  set: z.record(ownField, fieldValue).default({}),
  drop: z.array(ownField).default([]),
})

const cors = z.strictObject({
  origins: z.array(z.string().min(1)).min(1).meta({ description: 'Exact origins, or *' }),
  exposeFields: z.array(fieldName.toLowerCase()).default([]),
  maxAge: duration({ min: 0, max: DAY_MS, allowed: '0s to 1d' }).prefault('10m'),
})

type KeyHook = (target: string, authority: string) => string
type RequestHook = (fields: Fields, target: string) => Fields
type ResponseHook = (fields: Fields, status: number, target: string) => Fields

function hook<T>() {
  return z.custom<T>((value) => typeof value === 'function', 'Allowed: a function')
}

const hooks = z.strictObject({
  key: hook<KeyHook>().optional().meta({ description: 'The target that is keyed and forwarded' }),
  request: hook<RequestHook>().optional().meta({ description: 'Fields sent to the origin' }),
  response: hook<ResponseHook>().optional().meta({ description: 'Fields before storing' }),
})

/** What a site may say for itself; what it leaves out it takes from the settings at the top. */
const siteSettings = {
  methods: methods.optional(),
  forward: forward.optional(),
  forwardFields: z.array(fieldName.toLowerCase()).default([]),
  codings: z.array(z.enum(['zstd', 'br', 'gzip'])).optional(),
  authorization: z.enum(['forward', 'strip']).optional(),
  balance: z
    .enum(['round-robin', 'least', 'key'])
    .default('round-robin')
    .meta({ description: 'Among several origins: in turn, the least busy, or one for each key' }),
  health: healthCheck.optional(),
  originToken: file
    .optional()
    .meta({ description: 'Holds a bearer token for the origins; the client’s own is not sent' }),
  originTls: originTls
    .optional()
    .meta({ description: 'How to speak TLS to the origins; takes the place of that at the top' }),
  host: z.string().min(1).default('origin').meta({ description: 'origin, client, or a name' }),
  defaultTtl: ttlOrOff.optional(),
  ttl: z.array(ttlRule).default([]),
  targetedFields: z
    .array(fieldName.toLowerCase())
    .optional()
    .meta({ description: 'Fields like CDN-Cache-Control that speak to this cache (RFC 9213)' }),
  heuristicFraction: z.number().min(0).max(1).optional().meta({
    description: 'Share of the time since Last-Modified that counts as fresh; 0: none',
  }),
  maxHeuristicTtl: ttl.prefault('1d'),
  storeAnyStatus: z
    .boolean()
    .optional()
    .meta({ description: 'Store any final status with explicit freshness' }),
  storeSetCookie: z.boolean().optional().meta({ description: 'Store Set-Cookie as any field' }),
  staleNeedsPermission: z
    .boolean()
    .optional()
    .meta({ description: 'The stale window asks for permission by the response' }),
  storePost: z
    .boolean()
    .optional()
    .meta({ description: 'Store answers to POST that a GET would get as well (RFC 9110 §9.3.3)' }),
  storeUndelimited: z
    .boolean()
    .optional()
    .meta({ description: 'Store bodies that end with their connection, and take unknown codings' }),
  qualifiedDirectives: z
    .boolean()
    .optional()
    .meta({ description: 'private="field" and no-cache="field" concern that field only' }),
  ignoreLanguageOrder: z
    .boolean()
    .optional()
    .meta({ description: 'With Vary: Accept-Language, en, de and de, en are one variant' }),
  negativeTtl: z
    .record(
      z
        .string()
        .regex(/^[45][0-9]{2}$/, 'Allowed: a status from 400 to 599')
        .refine((status) => !isNeverStored(Number(status)), NEVER_STORED),
      ttl,
    )
    .optional()
    .meta({ description: 'Errors that may be stored, each with its longest lifetime' }),
  staleWindow: ttl.prefault('1d'),
  hitForMiss: duration({ min: 0, max: DAY_MS, allowed: '0s to 1d' }).prefault('60s'),
  minValidationInterval: duration({ min: 0, max: DAY_MS, allowed: '0s to 1d' }).optional(),
  shared: z.boolean().optional().meta({ description: 'The origin serves everyone the same' }),
  ignoreSetCookie: z.boolean().default(false),
  storeWithCookie: z.boolean().default(false),
  query: z
    .strictObject({
      keep: z.array(z.string().min(1)).optional(),
      drop: z.array(z.string().min(1)).default([]),
      sort: z.boolean().default(false),
    })
    .prefault({}),
  noVarySearch: z
    .boolean()
    .default(false)
    .meta({ description: 'Let responses say which parts of a query make no difference' }),
  response: z.array(responseRule).default([]),
  cors: cors.optional(),
  hooks: hooks.prefault({}),
}

const site = z.strictObject({
  name: z.string().regex(/^[0-9A-Za-z._-]+$/, 'Allowed: letters, digits, ".", "_" and "-"'),
  hosts: z.array(z.string().toLowerCase()).default([]).meta({ description: 'Empty: every host' }),
  pathPrefix: pathPrefix.default('/'),
  origins: z.array(originMember).min(1),
  tls: siteTls,
  ...siteSettings,
})

const ms = (max: number, allowed: string) => duration({ min: 1, max, allowed })
const count = (max: number) => z.coerce.number().int().min(1).max(max)

/** Limits and deadlines: each has a tested behaviour for one over. */
const limits = z.strictObject({
  connectTimeout: ms(60_000, '1ms to 60s').prefault('2s'),
  firstByteTimeout: ms(600_000, '1ms to 10m').prefault('10s'),
  idleTimeout: ms(600_000, '1ms to 10m').prefault('10s'),
  staleAfter: ms(600_000, '1ms to 10m').prefault('1s'),
  minRate: size({ min: 0, max: GIB, allowed: '0 to 1GiB, a second' }).prefault('16KiB'),
  minRateTime: ms(600_000, '1ms to 10m').prefault('30s'),
  originKeepAlive: ms(600_000, '1ms to 10m').prefault('60s'),
  originConnectionLife: ms(DAY_MS, '1ms to 1d').prefault('5m').meta({
    description: 'A connection to an origin that is older ends with its transfer',
  }),
  originWarm: z.coerce.number().int().min(0).max(1000).default(0).meta({
    description: 'Connections to each origin that are opened at start',
  }),
  originConcurrency: count(10_000).default(256),
  originQueue: count(1_000_000).default(4096),
  originConcurrencyMin: count(10_000).default(16),
  originQueueWait: ms(600_000, '1ms to 10m').prefault('2s'),
  originAttempts: count(10).default(3),
  hedge: z
    .union([off, z.coerce.number().min(1).max(99.9)], { error: 'Allowed: 1 to 99.9, or off' })
    .prefault('off')
    .meta({
      description: 'Percentile of recent first bytes after which another origin is asked too',
    }),
  hedgeMin: ms(60_000, '1ms to 60s').prefault('20ms'),
  retryDelay: duration({ min: 0, max: 60_000, allowed: '0s to 60s' }).prefault('50ms'),
  retryJitter: duration({ min: 0, max: 60_000, allowed: '0s to 60s' }).prefault('200ms'),
  retryAfterMax: duration({ min: 0, max: 60_000, allowed: '0s to 60s' }).prefault('2s'),
  retryFraction: z.coerce.number().min(0).max(1).default(0.2),
  retryMin: z.coerce.number().int().min(0).max(10_000).default(3),
  handshakeTimeout: ms(600_000, '1ms to 10m').prefault('10s'),
  headTimeout: ms(600_000, '1ms to 10m').prefault('10s'),
  requestTimeout: ms(DAY_MS, '1ms to 1d').prefault('5m'),
  keepAlive: ms(DAY_MS, '1ms to 1d').prefault('30s'),
  stallTimeout: ms(DAY_MS, '1ms to 1d').prefault('20s'),
  requestsPerConnection: z.coerce.number().int().min(0).default(1000),
  connections: count(1_000_000).default(12_000),
  headSize: size({ min: KIB, max: MIB, allowed: '1KiB to 1MiB' }).prefault('16KiB'),
  targetSize: size({ min: 64, max: 64 * KIB, allowed: '64B to 64KiB' }).prefault('4KiB'),
  fieldSize: size({ min: 64, max: MIB, allowed: '64B to 1MiB' }).prefault('8KiB'),
  fieldCount: count(2000).default(100),
  interimResponses: count(100).default(10),
  window: size({ min: 128 * KIB, max: GIB, allowed: '128KiB to 1GiB' }).prefault('16MiB'),
  fillBudget: size({ min: MIB, max: 64 * GIB, allowed: '1MiB to 64GiB' }).prefault('64MiB'),
  gap: size({ min: 0, max: GIB, allowed: '0 to 1GiB' }).prefault('1MiB'),
  rangeExcess: size({ min: 0, max: GIB, allowed: '0 to 1GiB' }).prefault('64MiB'),
  rangeWait: size({ min: 0, max: GIB, allowed: '0 to 1GiB' }).prefault('8MiB'),
  rangeWaitTime: duration({ min: 0, max: DAY_MS, allowed: '0s to 1d' }).prefault('500ms'),
  rangesIgnored: duration({ min: 0, max: DAY_MS, allowed: '0s to 1d' }).prefault('60s'),
  fillConnections: count(64).default(8),
  fillChunk: size({ min: 64 * KIB, max: GIB, allowed: '64KiB to 1GiB' }).prefault('2MiB'),
  fillSlow: size({ min: 0, max: 64 * GIB, allowed: '0 to 64GiB, a second' }).prefault('24MiB'),
  fillMin: size({ min: 0, max: GIB, allowed: '0 to 1GiB' }).prefault('8MiB'),
  readAhead: size({ min: 0, max: GIB, allowed: '0 to 1GiB' }).prefault('16MiB'),
  diskObjectShare: z.coerce.number().min(0.001).max(1).default(0.25).meta({
    description: 'Share of the disk tier that one object may take',
  }),
  diskReadTimeout: ms(60_000, '1ms to 60s').prefault('500ms'),
  diskScrubInterval: z
    .union([off, duration({ min: 60_000, max: YEAR_MS, allowed: '1m to 365d, or off' })])
    .prefault('1d')
    .meta({ description: 'In which all on disk is read again once, to find damage' }),
  finishMax: size({ min: 0, max: GIB, allowed: '0 to 1GiB' }).prefault('16MiB'),
  resumes: z.coerce.number().int().min(0).max(100).default(3),
  resumeDelay: ms(60_000, '1ms to 60s').prefault('250ms'),
  breakerFailures: count(1000).default(5),
  breakerWindow: ms(600_000, '1ms to 10m').prefault('10s'),
  breakerRequests: count(1_000_000).default(20),
  breakerRatio: z.coerce.number().min(0.01).max(1).default(0.5),
  breakerOpen: ms(600_000, '1ms to 10m').prefault('1s'),
  breakerProbes: count(1000).default(1),
  breakerRamp: ms(600_000, '1ms to 10m').prefault('5s'),
  dnsTimeout: ms(60_000, '1ms to 60s').prefault('3s'),
  drainTimeout: ms(DAY_MS, '1ms to 1d').prefault('30s'),
  adminChangesPerSecond: count(10_000).default(10),
})

/** The whole configuration, as a file has it; flags and environment have the same names at the top. */
export const configSchema = z
  .strictObject({
    origin: originList.optional(),
    originCa: file.optional().meta({ description: 'Short for the ca of originTls' }),
    originTls: originTls.optional(),
    dns: nameServers.optional(),
    s3Endpoint: httpUrl.optional(),
    s3Region: z.string().min(1).optional(),
    listen: z
      .union([off, hostPort], { error: 'Allowed: HOST:PORT, such as 127.0.0.1:8080, or off' })
      .prefault('127.0.0.1:8080'),
    tlsListen: hostPort
      .optional()
      .meta({ description: 'With TLS; 127.0.0.1:8443 once there is a certificate' }),
    ...topTlsSettings,
    admin: z
      .union([off, hostPort], { error: 'Allowed: HOST:PORT, such as 127.0.0.1:8081, or off' })
      .prefault('127.0.0.1:8081'),
    adminTokenFile: file
      .optional()
      .meta({ description: 'Holds the token that purging asks for; else only this machine may' }),
    memory: size({ min: MIB, max: 1024 * GIB, allowed: '1MiB to 1TiB' }).prefault('256MiB'),
    disk: z.string().min(1).default('.sluice/cache').meta({ description: 'A directory, or off' }),
    diskSize: size({ min: 64 * MIB, max: 1024 * 1024 * GIB, allowed: '64MiB to 1PiB' }).prefault(
      '10GiB',
    ),
    segment: size({ min: 64 * KIB, max: 16 * MIB, allowed: '64KiB to 16MiB' }).prefault('1MiB'),
    defaultTtl: ttlOrOff.optional(),
    methods: methods.default('read'),
    policy: z.enum(['careful', 'rfc']).default('careful'),
    breaker: onOff.default(true),
    forward: forward.optional(),
    name: z
      .string()
      .regex(
        /^[A-Za-z][0-9A-Za-z._-]{0,62}$/,
        'Allowed: a letter, then letters, digits, ".", "_", "-"',
      )
      .default('sluice'),
    log: z.enum(['json', 'pretty', 'off']).optional(),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    drainDelay: duration({ min: 0, max: 3_600_000, allowed: '0s to 1h' }).prefault('5s'),
    otlpEndpoint: httpUrl.optional(),
    limits: limits.prefault({}),
    sites: z.array(site).min(1).optional(),
  })
  .superRefine((config, context) => {
    if (config.origin !== undefined && config.sites !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['origin'],
        message: 'Allowed: an origin or sites, not both; give each site its own origins',
      })
    }
    for (const [i, { originToken, origins }] of (config.sites ?? []).entries()) {
      if (originToken === undefined || origins.every(({ origin }) => origin.kind === 'http'))
        continue
      const message = 'Allowed: only where all origins are http:// or https://'
      context.addIssue({ code: 'custom', path: ['sites', i, 'originToken'], message })
    }
    const names = (config.sites ?? []).map(({ name }) => name)
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice !== undefined) {
      const message = `Allowed: a name for one site only; "${twice}" is there twice`
      context.addIssue({ code: 'custom', path: ['sites'], message })
    }
    checkTls(config, context)
  })

export type Config = z.output<typeof configSchema>
export type ConfigInput = z.input<typeof configSchema>
export type SiteConfig = z.output<typeof site>
export type Limits = Config['limits']

/** Types a configuration in `sluice.config.ts`. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config
}

const TLS_LISTEN: HostPort = { host: '127.0.0.1', port: 8443 }

/** Where clients connect with TLS; nowhere without a certificate. */
export function tlsListenOf(config: Config): HostPort | undefined {
  return hasCertificate(config) ? (config.tlsListen ?? TLS_LISTEN) : undefined
}

/** The sites of a config; without any, the one that flags alone describe. */
export function sitesOf(config: Config, fallback: Origin): readonly SiteConfig[] {
  if (config.sites !== undefined) return config.sites
  const defaults = site.parse({ name: 'default', origins: ['.'] })
  return [{ ...defaults, origins: (config.origin ?? [fallback]).map(memberOf) }]
}

/** One line for each setting that is wrong: which, what it was, and what is allowed. */
export function describeProblems(error: z.ZodError, input: unknown): readonly string[] {
  return error.issues.map((issue) => {
    const path = issue.path.map(String)
    if (issue.code === 'unrecognized_keys') {
      return `Cannot use setting "${[...path, issue.keys.join('", "')].join('.')}": no setting has this name`
    }
    const value = JSON.stringify(valueAt(input, issue.path)) ?? 'nothing'
    const shown = value.length > 200 ? `${value.slice(0, 200)}…` : value
    return `Cannot use setting "${path.join('.')}" = ${shown}: ${issue.message}`
  })
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = input
  for (const key of path) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  }
  return value
}
