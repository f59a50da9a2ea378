// What can go wrong at the origin: a fault is plain data, a script counts how often each was used.

import type { Gate } from './gate.ts'
import type { Fields, OriginRequest } from './origin-answer.ts'

/** How a broken connection ends. */
export type Ending = 'fin' | 'rst'

export interface FaultUse {
  /** Matching requests it strikes; default 1, `Infinity` is always. */
  readonly times?: number
  /** Matching requests it lets by first; default 0. */
  readonly skip?: number
  readonly when?: (request: OriginRequest) => boolean
}

export type FaultKind =
  | { readonly fault: 'delay-head'; readonly delayMs: number }
  | { readonly fault: 'hang-head' }
  | { readonly fault: 'gate-head'; readonly gate: Gate }
  | { readonly fault: 'gate-body'; readonly gate: Gate; readonly afterBytes: number }
  | { readonly fault: 'hang-body'; readonly afterBytes: number }
  | { readonly fault: 'truncate'; readonly afterBytes: number; readonly end: Ending }
  | { readonly fault: 'trickle'; readonly chunkBytes: number; readonly everyMs: number }
  | { readonly fault: 'rate'; readonly bytesPerSecond: number }
  /** `value` is sent as it is. The connection then ends, unless it is to be left `open`. */
  | ({ readonly fault: 'content-length'; readonly end?: 'fin' | 'open' } & (
      | { readonly addBytes: number }
      | { readonly value: string }
    ))
  /** Strikes 206 answers only. */
  | ({ readonly fault: 'content-range' } & ContentRangeChange)
  /** 206 to a request without Range. */
  | { readonly fault: 'unasked-range'; readonly startByte?: number; readonly endByte?: number }
  /** 200 to a request with Range. */
  | { readonly fault: 'ignore-range' }
  | {
      readonly fault: 'status'
      readonly status: number
      readonly fields?: Fields
      readonly body?: string
    }
  /** No Content-Length, no chunks; cut short if `afterBytes` is given. */
  | { readonly fault: 'close-delimited'; readonly end: Ending; readonly afterBytes?: number }
  /** Another ETag, or none, on 206 answers only or on all. Preconditions still use the true one. */
  | { readonly fault: 'etag'; readonly value: string | false; readonly on?: 'ranges' | 'all' }
  /** Written after the body, on a connection that stays open. */
  | {
      readonly fault: 'extra-bytes'
      readonly bytes: Uint8Array | string
      readonly delayMs?: number
    }

export type ContentRangeChange =
  | { readonly change: 'start' | 'end' | 'total'; readonly add: number }
  | { readonly change: 'unknown-total' | 'missing' | 'multipart' }
  | { readonly change: 'value'; readonly value: string }

/** One that strikes; of one kind the first that has uses left, of different kinds all at once. */
export type Fault = FaultKind & FaultUse

export type FaultName = Fault['fault']
type FaultNamed<Name extends FaultName> = Extract<Fault, { fault: Name }>

export interface Script {
  /** Returns a function that takes the fault away again. */
  add(fault: Fault): () => void
  /** Uses up one strike; a fault that is not `fitting` is passed over. */
  take<Name extends FaultName>(
    name: Name,
    request: OriginRequest,
    isFitting?: (fault: FaultNamed<Name>) => boolean,
  ): FaultNamed<Name> | undefined
}

export function createScript(faults: readonly Fault[] = []): Script {
  const entries = new Set<{ fault: Fault; seenCount: number }>()
  const isNamed = <Name extends FaultName>(fault: Fault, name: Name): fault is FaultNamed<Name> =>
    fault.fault === name
  function add(fault: Fault): () => void {
    const entry = { fault, seenCount: 0 }
    entries.add(entry)
    return () => entries.delete(entry)
  }
  for (const fault of faults) add(fault)
  return {
    add,
    take(name, request, isFitting = () => true) {
      for (const entry of entries) {
        const { fault } = entry
        if (!isNamed(fault, name) || fault.when?.(request) === false) continue
        if (!isFitting(fault)) continue
        const { skip = 0, times = 1 } = fault
        entry.seenCount += 1
        if (entry.seenCount > skip && entry.seenCount <= skip + times) return fault
      }
      return undefined
    },
  }
}
