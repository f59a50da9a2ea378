// The grammar of request targets and hosts at the door (RFC 9112 §3.2), stricter than a parser must be.

/** Controls, space, DEL, bytes above 0x7E and `#`: never in a target, raw. */
const FORBIDDEN_IN_TARGET = /[^\x21-\x7e]|#/
/** Raw backslash, and what decodes to NUL, LF or CR. */
const FORBIDDEN_IN_PATH = /\\|%00|%0a|%0d/i
/** A segment of one or two dots, raw or encoded (RFC 3986 §3.3). */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?=\/|$)/i

export type TargetProblem = 'form' | 'character' | 'path'

/**
 * Checks an origin-form target (RFC 9112 §3.2.1). Everything else, absolute-form and `*` too, is refused:
 * there is one authority in a request, the Host field.
 */
export function findTargetProblem(target: string): TargetProblem | undefined {
  if (target.charCodeAt(0) !== 0x2f) return 'form'
  if (FORBIDDEN_IN_TARGET.test(target)) return 'character'
  const path = pathOf(target)
  if (FORBIDDEN_IN_PATH.test(path) || DOT_SEGMENT.test(path)) return 'path'
  return undefined
}

/** The target up to its query. */
export function pathOf(target: string): string {
  const mark = target.indexOf('?')
  return mark < 0 ? target : target.slice(0, mark)
}

/** The query without its `?`; `undefined` when there is no `?`. */
export function queryOf(target: string): string | undefined {
  const mark = target.indexOf('?')
  return mark < 0 ? undefined : target.slice(mark + 1)
}

const HOST =
  /^(?:[0-9a-z](?:[0-9a-z_-]*[0-9a-z_])?(?:\.[0-9a-z_](?:[0-9a-z_-]*[0-9a-z_])?)*\.?|\[[0-9a-f:.]{2,45}\])(?::([0-9]{0,5}))?$/

export type Scheme = 'http' | 'https'

/** Ports that go without saying in an authority (RFC 9110 §4.2.1, §4.2.2). */
export const DEFAULT_PORTS: Readonly<Record<Scheme, number>> = { http: 80, https: 443 }

/**
 * Normalises a Host value: lower case, one trailing dot and the default port removed.
 *
 * @returns `undefined` when it is no `uri-host [":" port]` (RFC 9110 §7.2) or the port is out of range.
 */
export function normaliseHost(value: string, defaultPort: number): string | undefined {
  if (value === known.value && defaultPort === known.defaultPort) return known.normalised
  const normalised = normalise(value, defaultPort)
  if (normalised !== undefined) known = { value, defaultPort, normalised }
  return normalised
}

/** The last one: most requests are for the host of the one before. */
let known: { readonly value: string; readonly defaultPort: number; readonly normalised?: string } =
  {
    value: '',
    defaultPort: 0,
  }

function normalise(value: string, defaultPort: number): string | undefined {
  const lower = value.toLowerCase()
  const match = HOST.exec(lower)
  if (match === null) return undefined
  const port = match[1]
  if (port !== undefined && Number(port) > 65_535) return undefined
  const name = (
    port === undefined ? lower : lower.slice(0, lower.length - port.length - 1)
  ).replace(/\.$/, '')
  return port === undefined || port === '' || Number(port) === defaultPort
    ? name
    : `${name}:${Number(port)}`
}
