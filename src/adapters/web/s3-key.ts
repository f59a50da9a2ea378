// From a request target to an object in a bucket. S3 keys are bytes without structure: nothing is resolved.

import { pathOf, queryOf } from '#core/http/target.ts'

export interface S3Place {
  /** Path of the endpoint and the bucket, canonical, without a slash at the end. */
  readonly bucketPath: string
  /** Canonical. */
  readonly prefix: string
}

export type S3Target =
  | {
      readonly kind: 'object'
      /** Both as they are signed and as they go on the wire. */
      readonly path: string
      readonly query: string
    }
  | { readonly kind: 'refused'; readonly status: 400 | 404; readonly because: string }

/**
 * @param bucket As the bucket is named; one path segment.
 * @param prefix As the keys begin, not percent-encoded; a slash at its end is written out.
 */
export function s3PlaceOf(endpoint: URL, bucket: string, prefix: string): S3Place {
  const base = endpoint.pathname.replace(/\/$/, '')
  return {
    bucketPath: `${base}/${encodeText(bucket).replaceAll('/', '%2F')}`,
    prefix: encodeText(prefix),
  }
}

/**
 * Finds the object that a target names. The path is percent-decoded once and encoded again as SigV4 has it:
 * every server that verifies signatures reads this form as the same key, whether or not it decodes before
 * it signs. A raw `+` is a plus (RFC 3986 §3.3), so it goes as `%2B`; Amazon would read it as a space.
 *
 * Of the query only `versionId` goes on: any other parameter could name a sub-resource of the bucket.
 */
export function s3TargetOf(target: string, place: S3Place): S3Target {
  const key = encodePath(pathOf(target).slice(1))
  if (key === undefined) return refused(400, 'The path is not validly percent-encoded')
  const depth = depthOf(key)
  if (depth === 'outside') return refused(400, 'The path leads out of the bucket')
  // The empty key is the bucket itself, which would be listed.
  if (depth === 0) return refused(404, 'Not found')
  const query = versionQueryOf(queryOf(target))
  if (query === undefined) return refused(400, 'The version id is not valid')
  return { kind: 'object', path: `${place.bucketPath}/${place.prefix}${key}`, query }
}

function refused(status: 400 | 404, because: string): S3Target {
  return { kind: 'refused', status, because }
}

const CANONICAL = /^[A-Za-z0-9\-._~/]*$/
/** What a target may hold raw (see `core/http/target.ts`), in case nobody has looked. */
const VISIBLE = /^[\x21-\x7e]*$/
const BROKEN_PERCENT = /%(?![0-9A-Fa-f]{2})/

/**
 * SigV4's UriEncode of the decoded path: every byte but the unreserved ones and `/` as `%XX` in upper case.
 *
 * @returns `undefined` when the path is not validly encoded.
 */
function encodePath(path: string): string | undefined {
  if (CANONICAL.test(path)) return path
  if (!VISIBLE.test(path) || BROKEN_PERCENT.test(path)) return undefined
  return path.replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~/]/g, (part) =>
    encodeByte(part.length === 3 ? Number.parseInt(part.slice(1), 16) : part.charCodeAt(0)),
  )
}

function encodeByte(byte: number): string {
  const char = String.fromCharCode(byte)
  return CANONICAL.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

function encodeText(text: string): string {
  let encoded = ''
  for (const byte of new TextEncoder().encode(text)) encoded += encodeByte(byte)
  return encoded
}

/**
 * How deep a key would lie if something on the way, a proxy or a URL parser, did resolve dot segments and
 * merge slashes. S3 does not; but whatever does must not get from here to the bucket, or to another one.
 */
function depthOf(key: string): number | 'outside' {
  let depth = 0
  for (const segment of key.split('/')) {
    if (segment === '..') depth -= 1
    else if (segment !== '' && segment !== '.') depth += 1
    if (depth < 0) return 'outside'
  }
  return depth
}

/** The canonical query with the version id alone; `undefined` when it is given twice or is not valid. */
function versionQueryOf(query: string | undefined): string | undefined {
  if (query === undefined) return ''
  const [version, ...others] = query
    .split('&')
    .filter((parameter) => parameter.startsWith('versionId='))
  if (version === undefined) return ''
  const value = encodePath(version.slice('versionId='.length))?.replaceAll('/', '%2F')
  return value === undefined || others.length > 0 ? undefined : `versionId=${value}`
}
