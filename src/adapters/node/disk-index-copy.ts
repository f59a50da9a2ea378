// The written copy of the index: what is sent to the worker that keeps it in SQLite.

import { Worker } from 'node:worker_threads'

import type { BodyId } from '#core/entry/body-id.ts'
import type { Invalidation } from '#web/invalidations.ts'

import { messageOf } from './disk-files.ts'

/** One change of the index, in the order of the log. Digests are their first 16 bytes. */
export type CopyChange =
  | {
      readonly kind: 'head'
      readonly digest: Uint8Array
      readonly key: string
      readonly slab: number
      readonly offset: number
      readonly dataBytes: number
      readonly headBytes: number
      readonly isInvalidated: boolean
      readonly writtenAtMs: number
    }
  | {
      readonly kind: 'segment'
      readonly digest: Uint8Array
      readonly body: BodyId
      readonly segmentIndex: number
      readonly slab: number
      readonly offset: number
      readonly dataBytes: number
    }
  | { readonly kind: 'forget-head'; readonly digest: Uint8Array }
  | {
      readonly kind: 'forget-segment'
      readonly digest: Uint8Array
      readonly body: BodyId
      readonly segmentIndex: number
    }
  | {
      readonly kind: 'drop' | 'validate'
      readonly digest: Uint8Array
      readonly ticket: Invalidation
      readonly slab: number
    }
  /** Found by a scan, which goes back in time: what it concerns has been left out already. */
  | { readonly kind: 'invalidated'; readonly ticket: Invalidation; readonly slab: number }
  | { readonly kind: 'slab'; readonly slab: number; readonly nonce: Uint8Array }
  | { readonly kind: 'evict'; readonly slab: number }
  | { readonly kind: 'reset' }

/** How far the log is in the copy: what stands after it must be scanned. */
export interface CopyState {
  readonly slab: number
  readonly endByte: number
  readonly lastPosition: number
  readonly sequence: number
  /** False while an earlier log is still being scanned: then the copy lacks a part. */
  readonly isComplete: boolean
}

export interface LoadedCopy {
  readonly state: CopyState
  readonly slabs: readonly { readonly slab: number; readonly nonce: Uint8Array }[]
  readonly invalidated: readonly Invalidation[]
}

/** Rows as numbers: 9 a head (digest, slab, offset, data, head, flags), 12 a segment (key, body, index…). */
export const HEAD_ROW = 9
export const SEGMENT_ROW = 12
export interface CopyRows {
  readonly heads: Uint32Array
  readonly segments: Uint32Array
}

export type CopyRequest =
  | { readonly kind: 'open'; readonly path: string }
  | { readonly kind: 'rows' }
  | {
      readonly kind: 'write'
      readonly changes: readonly CopyChange[]
      readonly state: CopyState
    }
  | { readonly kind: 'erase' }
  | { readonly kind: 'close' }

export type CopyReply =
  | { readonly kind: 'loaded'; readonly copy: LoadedCopy | undefined }
  | { readonly kind: 'rows'; readonly rows: CopyRows; readonly isLast: boolean }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string }

/** Changes that wait while the worker writes; more means that it cannot keep up. */
const MAX_WAITING_COUNT = 200_000

interface Waiting {
  readonly resolve: (reply: CopyReply) => void
  readonly reject: (error: Error) => void
  readonly onRows: ((rows: CopyRows) => void) | undefined
}

export interface IndexCopyOptions {
  readonly path: string
  readonly stateNow: () => CopyState
  readonly onFailure: (message: string) => void
}

/**
 * Batches the changes. A copy that fails is left where it stands: the next start scans the log from there,
 * so that what it lacks is found, and what it has too much is known to be gone.
 */
export class IndexCopy {
  readonly #options: IndexCopyOptions
  readonly #worker: Worker
  readonly #asked: Waiting[] = []
  #changes: CopyChange[] = []
  #writing: Promise<void> | undefined
  #isBroken = false

  constructor(options: IndexCopyOptions) {
    this.#options = options
    this.#worker = new Worker(new URL('./disk-index-worker.ts', import.meta.url), { execArgv: [] })
    this.#worker.unref()
    this.#worker.on('message', (reply: CopyReply) => this.#take(reply))
    this.#worker.on('error', (error) => this.#break(messageOf(error)))
  }

  /** @returns `undefined` when there is no copy, or none that can be believed; then it begins anew. */
  async load(): Promise<LoadedCopy | undefined> {
    const reply = await this.#ask({ kind: 'open', path: this.#options.path })
    return reply.kind === 'loaded' ? reply.copy : undefined
  }

  async loadRows(onRows: (rows: CopyRows) => void): Promise<void> {
    await this.#ask({ kind: 'rows' }, onRows)
  }

  async erase(): Promise<void> {
    await this.#ask({ kind: 'erase' })
  }

  push(change: CopyChange): void {
    if (this.#isBroken) return
    this.#changes.push(change)
    if (this.#changes.length > MAX_WAITING_COUNT) return this.#break('it cannot keep up')
    this.#writing ??= this.#write()
  }

  /** Resolves once the copy has all that was pushed, or has failed. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  /** Writes the state even where nothing changed. */
  async settle(): Promise<void> {
    await this.flush()
    if (this.#isBroken) return
    this.#writing = this.#write()
    await this.flush()
  }

  async close(): Promise<void> {
    await this.settle()
    await this.#ask({ kind: 'close' }).catch(() => undefined)
    this.#isBroken = true
    await this.#worker.terminate()
  }

  async #write(): Promise<void> {
    // What happens in this turn goes together.
    await new Promise(setImmediate)
    try {
      do {
        const changes = this.#changes
        this.#changes = []
        await this.#ask({ kind: 'write', changes, state: this.#options.stateNow() })
      } while (this.#changes.length > 0)
    } catch (error) {
      this.#break(messageOf(error))
    } finally {
      this.#writing = undefined
    }
  }

  #ask(request: CopyRequest, onRows?: (rows: CopyRows) => void): Promise<CopyReply> {
    const { promise, resolve, reject } = Promise.withResolvers<CopyReply>()
    if (this.#isBroken) reject(new Error('Cannot use the written index: it has failed'))
    else {
      this.#asked.push({ resolve, reject, onRows })
      this.#worker.ref()
      this.#worker.postMessage(request)
    }
    return promise
  }

  #take(reply: CopyReply): void {
    const waiting = this.#asked[0]
    if (reply.kind === 'rows') {
      waiting?.onRows?.(reply.rows)
      if (!reply.isLast) return
    }
    this.#asked.shift()
    if (this.#asked.length === 0) this.#worker.unref()
    if (reply.kind === 'failed') waiting?.reject(new Error(reply.message))
    else waiting?.resolve(reply)
  }

  #break(message: string): void {
    if (this.#isBroken) return
    this.#isBroken = true
    this.#changes = []
    this.#options.onFailure(`Cannot keep the written index: ${message}`)
    for (const { reject } of this.#asked.splice(0)) reject(new Error(message))
    this.#worker.unref()
  }
}
