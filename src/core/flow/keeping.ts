// What is kept of a body as it comes: for its readers until they have passed, and in the store.

import { isPromise } from '../entry/byte-source.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { FillScope } from '../ports/request-scope.ts'
import type { Store, WriteTicket } from '../ports/store.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import type { BodyOrigin } from './body-origin.ts'
import type { Budget } from './budget.ts'
import { Retained } from './retained.ts'

export interface KeepingOptions {
  readonly head: StoredResponse
  readonly store: Store
  readonly scope: FillScope
  readonly budget: Budget
  readonly origin: BodyOrigin
  readonly ticket: WriteTicket
}

export class Keeping {
  readonly retained: Retained
  readonly #options: KeepingOptions
  #ticket: WriteTicket
  #mayStore = true

  constructor(options: KeepingOptions) {
    this.#options = options
    this.#ticket = options.ticket
    this.retained = new Retained(options.budget)
  }

  get ticket(): WriteTicket {
    return this.#ticket
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

  segmentCame(index: number, bytes: Uint8Array): void {
    const { store, head, scope } = this.#options
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
}
