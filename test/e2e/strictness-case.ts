// What a case of the corpus is, and the requests it is made from.

export interface StrictnessCase {
  /** Threat, and what is sent in a few words. */
  readonly name: string
  readonly bytes: string
  /** Of the first answer; `none`: the connection ends without one. */
  readonly status: number | readonly number[]
  /** Whether the connection ends after it; by default after 400 and above, but 404, 405 and 508. */
  readonly closes?: boolean
  /** Targets the origin may see because of the bytes; default none. */
  readonly origin?: readonly string[]
}

/** What a request hidden in a body or behind garbage would ask for. */
export const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'

export function get(fields: readonly string[], rest = ''): string {
  return ['GET /ok HTTP/1.1', 'Host: a', ...fields, '', rest].join('\r\n')
}

export function post(fields: readonly string[], rest = ''): string {
  return ['POST /ok HTTP/1.1', 'Host: a', ...fields, '', rest].join('\r\n')
}

export function line(requestLine: string, fields: readonly string[] = ['Host: a']): string {
  return [requestLine, ...fields, '', ''].join('\r\n')
}

export type Row = readonly [name: string, bytes: string]

export function all(
  threat: string,
  rows: readonly Row[],
  expected: Omit<StrictnessCase, 'name' | 'bytes'>,
): readonly StrictnessCase[] {
  return rows.map(([name, bytes]) => ({ name: `${threat}: ${name}`, bytes, ...expected }))
}
