// Where bytes come from: what an origin may be, and how several of them share the work.

import { z } from 'zod'

import { duration } from './config-units.ts'

/** Where a site's bytes come from. */
export type Origin =
  | { readonly kind: 'http'; readonly url: URL }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'directory'; readonly path: string }

const ORIGIN_FORMS =
  'Allowed: http://host[:port][/prefix], https://…, s3://bucket[/prefix], or a directory'

type Refuse = (message: string) => void

function originOf(text: string, refuse: Refuse): Origin | undefined {
  const parsed = parseOrigin(text)
  if (parsed === undefined) refuse(ORIGIN_FORMS)
  return parsed
}

function parseOrigin(text: string): Origin | undefined {
  if (/^https?:\/\//i.test(text)) {
    const url = URL.parse(text)
    const isPlain = url !== null && url.search === '' && url.hash === '' && url.username === ''
    return isPlain ? { kind: 'http', url } : undefined
  }
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(text)
  if (s3?.[1] !== undefined) return { kind: 's3', bucket: s3[1], prefix: s3[2] ?? '' }
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? undefined : { kind: 'directory', path: text }
}

/** One of a site's origins; all of them have the same objects. */
export interface OriginMember {
  readonly origin: Origin
  /** Its share of the requests. */
  readonly weight: number
  /** Only for when no other can be used. */
  readonly backup: boolean
}

export function memberOf(single: Origin): OriginMember {
  return { origin: single, weight: 1, backup: false }
}

const MEMBER_FORMS = `${ORIGIN_FORMS}; or { url, weight, backup }`

/** An origin alone, or with what it is among the others. */
export const originMember = z
  .union(
    [
      z.string().min(1),
      z.strictObject({
        url: z.string().min(1),
        weight: z
          .number()
          .min(0.01)
          .max(1000)
          .default(1)
          .meta({ description: 'Share of requests' }),
        backup: z.boolean().default(false).meta({ description: 'Only when no other can be used' }),
      }),
    ],
    { error: MEMBER_FORMS },
  )
  .transform((value, context): OriginMember => {
    const { url, weight, backup } =
      typeof value === 'string' ? { url: value, weight: 1, backup: false } : value
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    const single = originOf(url, refuse)
    return single === undefined ? z.NEVER : { origin: single, weight, backup }
  })
  .meta({ description: MEMBER_FORMS })

/** In one text, a comma stands before the scheme of the next. */
const BETWEEN_ORIGINS = /\s*,\s*(?=(?:https?|s3):\/\/)/i

/** One or several, as flags and environment have them. */
export const originList = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)], { error: ORIGIN_FORMS })
  .transform((value, context): readonly Origin[] => {
    const texts = typeof value === 'string' ? value.split(BETWEEN_ORIGINS) : value
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    return texts.flatMap((text) => originOf(text, refuse) ?? [])
  })
  .meta({ description: `${ORIGIN_FORMS}. Several have the same objects` })

/** Asks each origin of a site from time to time whether it is well. */
export const healthCheck = z.strictObject({
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, 'Allowed: a path that begins with /, percent-encoded')
    .meta({ description: 'Asked with GET, behind the prefix of the origin' }),
  status: z.array(z.int().min(100).max(599)).min(1).default([200]),
  interval: duration({ min: 100, max: 3_600_000, allowed: '100ms to 1h' }).prefault('5s'),
  timeout: duration({ min: 10, max: 60_000, allowed: '10ms to 60s' }).prefault('2s'),
})

export type HealthCheckConfig = z.output<typeof healthCheck>

export const file = z.string().min(1, 'Allowed: the path of a file')

/** How TLS is spoken to an origin. */
export const originTls = z
  .strictObject({
    ca: file.optional().meta({ description: 'PEM: believed in place of the public authorities' }),
    cert: file.optional().meta({ description: 'PEM: the certificate that an origin is shown' }),
    key: file.optional().meta({ description: 'PEM: its key' }),
    servername: z
      .string()
      .regex(/^(?=.*[a-z])[0-9a-z._-]+$/i, 'Allowed: a host name')
      .optional()
      .meta({ description: 'Sent as SNI and verified; else the host of the origin' }),
  })
  .refine(
    ({ cert, key }) => (cert === undefined) === (key === undefined),
    'Allowed: cert and key together, or neither',
  )

const NAME_SERVERS = 'Allowed: addresses of name servers, such as 127.0.0.1:5353 or [::1]'
/** A form of address, with or without a port. */
const NAME_SERVER = /^(?:[0-9.]+|\[[0-9a-f:.]+\])(?::\d+)?$/i

function isNameServer(text: string): boolean {
  return NAME_SERVER.test(text) && URL.canParse(`http://${text}`)
}

/** In place of those of the system. */
export const nameServers = z
  .union([z.string(), z.array(z.string())], { error: NAME_SERVERS })
  .transform((given, context): readonly string[] => {
    const servers = typeof given === 'string' ? given.split(',') : given
    if (servers.length > 0 && servers.every(isNameServer)) return servers
    context.addIssue({ code: 'custom', message: NAME_SERVERS })
    return z.NEVER
  })
  .meta({ description: `Asked for origins in place of the system's. ${NAME_SERVERS}` })
