// What is kept of a body as it comes: for its readers until they have passed, and in the store.

import { isPromise } from '../entry/byte-source.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { Clock } from '../ports/clock.ts'
import type { Digests } from '../ports/digests.ts'
import type { FillScope } from '../ports/request-scope.ts'
import type { Store, WriteTicket } from '../ports/store.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import type { BodyOrigin } from './body-origin.ts'
import { BodyGoneError } from './body-origin.ts'
import type { Budget } from './budget.ts'
import type { FillSettings } from './fill-settings.ts'
import { recordVerdict } from './record-verdict.ts'
import { Retained } from './retained.ts'
import type { BodyVerdict, BodyVerification } from './verify-body.ts'
import { verifyBody } from './verify-body.ts'

export interface KeepingOptions {
  readonly head: StoredResponse
  readonly store: Store
  readonly scope: FillScope
  readonly budget: Budget
  readonly origin: BodyOrigin
  readonly ticket: WriteTicket
  readonly clock: Clock
  readonly digests: Digests
  readonly settings: FillSettings
}

export class Keeping {
  readonly retained: Retained
  readonly #options: KeepingOptions
  #ticket: WriteTicket
  #mayStore = true
  /** Against the digest that the origin told, if it did. */
  readonly #verification: BodyVerification | undefined
  #isRecorded = false

  constructor(options: KeepingOptions) {
    this.#options = options
    this.#ticket = options.ticket
    this.retained = new Retained(options.budget)
    const { head, digests } = options
    this.#verification = head.verified === undefined ? verifyBody(head, digests) : undefined
  }

  /** The same bytes are good under a newer ticket: what invalidates without dropping keeps the body's id. */
  renew(ticket: WriteTicket): void {
    if (ticket.position <= this.#ticket.position) return
    this.#ticket = ticket
    this.#mayStore = true
  }

  allow(): void {
    this.#mayStore = true
  }

  /** What there is now may be other bytes under the same validator. */
  get isPurged(): boolean {
    const { store, head } = this.#options
    return store.ticket(head.key).generation !== this.#ticket.generation
  }

  /** Which segments can be had without the origin. */
  holder(): (segmentIndex: number) => boolean {
    const presence = this.#options.store.presence(this.#options.head.body)
    return (index) => this.retained.has(index) || presence?.has(index) === true
  }

  lengthBecameKnown(completeLength: number): void {
    this.#verification?.lengthBecameKnown(completeLength)
  }

  /** @throws BodyGoneError When with it the body is known not to be what its origin says it is. */
  segmentCame(index: number, bytes: Uint8Array): void {
    const { store, head, scope } = this.#options
    this.#verify(index, bytes)
    this.retained.add(index, bytes)
    if (!this.#mayStore) return
    const written = store.writeSegment(this.#ticket, head.body, index, bytes)
    if (isPromise(written)) scope.background(written)
  }

  /** A later part may say that nothing of it is to be stored (RFC 9111 §5.2.2.5): nor is what was, used again. */
  heed(response: UpstreamResponse): void {
    const { origin, scope, head, store } = this.#options
    if (!origin.forbidsStoring(response)) {
      return scope.background(origin.update(head, this.#ticket, response))
    }
    this.#mayStore = false
    // What one client may not have shared says nothing of the others.
    if (origin.hasCredentials) return
    const invalidated = store.invalidate(head.key, 'validate')
    if (isPromise(invalidated)) scope.background(invalidated)
  }

  noteRangesIgnored(): void {
    const { origin, scope, head } = this.#options
    scope.background(origin.noteRangesIgnored(head, this.#ticket))
  }

  #verify(index: number, bytes: Uint8Array): void {
    const verification = this.#verification
    if (verification === undefined) return
    verification.segmentCame(index, bytes)
    const verdict = verification.verdict()
    if (isPromise(verdict)) {
      this.#options.scope.background(verdict.then((told) => this.#heedMismatch(told)))
    } else if (this.#heedMismatch(verdict)) {
      throw new BodyGoneError('Cannot complete body: it does not have the digest its origin told')
    }
  }

  /** What it had so far is of no more use, to nobody. */
  #heedMismatch(verdict: BodyVerdict): boolean {
    if (verdict !== 'mismatch') return false
    this.#mayStore = false
    this.retained.clear()
    this.#record(verdict)
    return true
  }

  /** Once nobody fills or reads any more: the verdict is written, and what it takes is read where it has to be. */
  settle(isAllHere: boolean): void {
    const verification = this.#verification
    if (verification === undefined || this.#isRecorded) return
    const { scope, store, head, clock } = this.#options
    const { body, segmentBytes } = head
    const read = (index: number) => store.readSegment(body, index, 0, segmentBytes)
    const verdict =
      isAllHere && verification.needsPass()
        ? verification.pass(read, { clock, signal: scope.signal })
        : verification.verdict()
    if (isPromise(verdict)) scope.background(verdict.then((told) => this.#record(told)))
    else this.#record(verdict)
  }

  #record(verdict: BodyVerdict): void {
    const { store, scope, head, clock, settings } = this.#options
    const algorithm = this.#verification?.algorithm
    if (verdict === 'unknown' || algorithm === undefined || this.#isRecorded) return
    this.#isRecorded = true
    const passedUntilMs = clock.nowMs() + settings.mismatchMs
    scope.background(recordVerdict({ store, scope }, head, { verdict, algorithm }, passedUntilMs))
  }
}
