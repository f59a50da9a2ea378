// A bearer token that somebody else puts into a file and renews there.

import { readFileSync } from 'node:fs'

import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import { createFileLook } from './file-look.ts'

export interface TokenSourceOptions {
  readonly path: string
  readonly clock: Clock
  /** Told when the file cannot be used any more, and the old token is. */
  record(event: FlowEvent): void
}

/** RFC 6750 §2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/** @throws When the file cannot be read, or holds no token. */
export function createTokenSource({ path, clock, record }: TokenSourceOptions): () => string {
  let token = readToken(path)
  const take = () => {
    token = readToken(path)
  }
  const look = createFileLook({ path, clock, take, record })

  return () => {
    look()
    return token
  }
}

function readToken(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`Cannot read token file "${path}": ${reason}`, { cause: error })
  }
  if (TOKEN.test(text)) return text
  throw new Error(`Cannot use token file "${path}": it must hold one bearer token and nothing else`)
}
