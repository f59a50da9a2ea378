// What the body of POST /purge may say, and nothing else.

import type { PurgeHow } from '#core/flow/purge.ts'

/** What is to be purged, and how. */
export type PurgeAsked =
  | { readonly kind: 'url'; readonly url: string; readonly how: PurgeHow }
  | { readonly kind: 'all'; readonly how: PurgeHow }

export interface BodyProblem {
  readonly kind: 'problem'
  readonly reason: string
}

/** What every refusal of a body ends with. */
const INSTEAD =
  'send {"url": "http://host/path?query"} or {"all": true}, and "how": "soft" or "hard" beside it if it matters'

const MEMBERS: ReadonlySet<string> = new Set(['url', 'all', 'how'])
/** A name that was sent is shown up to this length. */
const MAX_SHOWN_LENGTH = 40

/**
 * Reads the body of a purge. One URL is dropped unless it says otherwise. Everything is validated unless it says
 * otherwise: dropped at once, it would be fetched again at once.
 */
export function parsePurge(bytes: Uint8Array): PurgeAsked | BodyProblem {
  const members = parseObject(bytes)
  if (members === undefined) return problem('The body is not a JSON object')
  const unknown = Object.keys(members).find((name) => !MEMBERS.has(name))
  if (unknown !== undefined) return problem(`Unknown member ${shown(unknown)}`)
  const { url, all, how } = members
  if (how !== undefined && how !== 'soft' && how !== 'hard') {
    return problem('"how" is neither "soft" nor "hard"')
  }
  if (url !== undefined && all !== undefined) return problem('Both "url" and "all"')
  if (url === undefined && all === undefined) return problem('Neither "url" nor "all"')
  if (all !== undefined) {
    return all === true ? { kind: 'all', how: how ?? 'soft' } : problem('"all" is not true')
  }
  if (typeof url !== 'string') return problem('"url" is not a string')
  return { kind: 'url', url, how: how ?? 'hard' }
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    // JSON between systems is UTF-8, without a byte order mark (RFC 8259 §8.1).
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}

function shown(name: string): string {
  const isLong = name.length > MAX_SHOWN_LENGTH
  return JSON.stringify(isLong ? `${name.slice(0, MAX_SHOWN_LENGTH)}…` : name)
}

function problem(reason: string): BodyProblem {
  return { kind: 'problem', reason: `${reason}: ${INSTEAD}` }
}
