// A bearer token that somebody else puts into a file and renews there.

import { readFileSync } from 'node:fs'

import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import { stampOf } from './file-stamp.ts'

export interface TokenSourceOptions {
  readonly path: string
  readonly clock: Clock
  /** Told when the file cannot be used any more, and the old token is. */
  record(event: FlowEvent): void
}

/** The file is looked at once in this time, however many ask. */
const LOOK_MS = 1000
/** RFC 6750 §2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/** @throws When the file cannot be read, or holds no token. */
export function createTokenSource({ path, clock, record }: TokenSourceOptions): () => string {
  let token = readToken(path)
  let stamp = stampOf(path)
  let lookedAtMs = clock.monotonicMs()

  return () => {
    const nowMs = clock.monotonicMs()
    if (nowMs - lookedAtMs < LOOK_MS) return token
    lookedAtMs = nowMs
    const now = stampOf(path)
    if (now === stamp) return token
    stamp = now
    try {
      token = readToken(path)
    } catch (error) {
      record({ kind: 'credentials-kept', message: messageOf(error) })
    }
    return token
  }
}

function readToken(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new Error(`Cannot read token file "${path}": ${messageOf(error)}`, { cause: error })
  }
  if (TOKEN.test(text)) return text
  throw new Error(`Cannot use token file "${path}": it must hold one bearer token and nothing else`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
