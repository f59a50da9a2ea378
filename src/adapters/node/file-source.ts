import type { BigIntStats } from 'node:fs'

import type { ByteSource } from '#core/entry/byte-source.ts'
import type { Outcome } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'
import type { OpenFile } from './open-file.ts'

/** One positional read. */
const READ_BYTES = 512 * 1024

export interface FileSpan {
  readonly file: OpenFile
  /** Of the version that the head of the response tells. */
  readonly stamp: FileStamp
  readonly startByte: number
  readonly endByte: number
  /** For messages. */
  readonly name: string
}

/**
 * What changes when a file does. Not `ctime`: that changes too when a name of the file goes, which is how
 * files are replaced under a reader, who is right to read the old one to its end.
 */
export type FileStamp = Pick<BigIntStats, 'ino' | 'size' | 'mtimeNs'>

export interface FileBody extends ByteSource {
  readonly settled: Promise<Outcome>
}

/**
 * The bytes `[startByte, endByte)` of an open file, read when they are asked for, and one piece ahead. The
 * file is looked at again after each read and before its bytes are given: if it has changed, the body
 * breaks, and no byte of another version gets out. Owns the file, and closes it at the end.
 */
export function readFileSpan(span: FileSpan): FileBody {
  const { file, startByte, endByte } = span
  const settled = Promise.withResolvers<Outcome>()
  let atByte = startByte
  let ahead: Promise<Uint8Array | undefined> | undefined
  let end: Outcome | undefined

  function finish(outcome: Outcome): void {
    if (end !== undefined) return
    end = outcome
    settled.resolve(outcome)
    file.close()
  }

  async function readPiece(): Promise<Uint8Array | undefined> {
    // A new one each time: a socket may still hold the piece before.
    const piece = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, endByte - atByte))
    try {
      await fillFrom(file, piece, atByte)
      if (!isSameFile(span.stamp, await file.stat())) throw new Error('it changed')
    } catch (error) {
      if (end?.kind === 'cancelled') return undefined
      const failure = brokenBy(error, span, atByte)
      finish({ kind: 'broken', error: failure })
      throw failure
    }
    atByte += piece.byteLength
    return piece
  }

  function readAhead(): void {
    ahead = readPiece()
    // It is told by the read that takes it, if one does.
    ahead.catch(() => undefined)
  }

  async function next(): Promise<Uint8Array | undefined> {
    const piece = await (ahead ?? readPiece())
    ahead = undefined
    if (end !== undefined) return undefined
    if (atByte < endByte) readAhead()
    else finish({ kind: 'complete' })
    return piece
  }

  if (startByte >= endByte) finish({ kind: 'complete' })
  return {
    read() {
      if (end?.kind === 'broken') throw end.error
      return end === undefined ? next() : undefined
    },
    cancel: () => finish({ kind: 'cancelled' }),
    settled: settled.promise,
  }
}

async function fillFrom(file: OpenFile, piece: Uint8Array, startByte: number): Promise<void> {
  let filledBytes = 0
  while (filledBytes < piece.byteLength) {
    const readBytes = await file.read(piece.subarray(filledBytes), startByte + filledBytes)
    if (readBytes === 0) throw new Error(`it ended at byte ${startByte + filledBytes}`)
    filledBytes += readBytes
  }
}

function isSameFile(a: FileStamp, b: FileStamp): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs
}

function brokenBy(error: unknown, { name }: FileSpan, atByte: number): UpstreamError {
  const message = error instanceof Error ? error.message : String(error)
  const text = `Cannot read file "${name}" at byte ${atByte}: ${message}`
  return new UpstreamError('http_response_incomplete', text, { retryable: true, cause: error })
}
