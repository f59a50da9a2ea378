// Where all log lines go. Whoever reads them may be slow or gone, and nothing else may suffer from it.

import type { Writable } from 'node:stream'

export interface LogOutput {
  /** Whole lines. Never waits; what the reader is too slow for is dropped, and later said so. */
  write(lines: string): void
  /** Resolves when all is written, or after `limitMs`. */
  flush(limitMs: number): Promise<void>
}

export interface LogOutputOptions {
  readonly stream: Writable
  /** The line that tells of dropped ones. */
  describeDropped(lineCount: number): string
}

/** Held for a slow reader; a pipe takes 64 KiB besides. */
const MAX_HELD_BYTES = 1024 * 1024

export function createLogOutput({ stream, describeDropped }: LogOutputOptions): LogOutput {
  let droppedCount = 0
  // The reader has gone: no reason for the cache to go too.
  stream.on('error', () => undefined)

  return {
    write(lines) {
      if (stream.writableLength > MAX_HELD_BYTES || !stream.writable) {
        droppedCount += lines.split('\n').length - 1
        return
      }
      if (droppedCount > 0) stream.write(describeDropped(droppedCount))
      droppedCount = 0
      stream.write(lines)
    },
    async flush(limitMs) {
      if (stream.writableLength === 0 || !stream.writable) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, limitMs)
      stream.write('', () => resolve())
      await promise
      clearTimeout(timer)
    },
  }
}
