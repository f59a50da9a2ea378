// Responses, the requests that brought them, and those that come later.

import * as fc from 'fast-check'

import type { Fields } from '#core/entry/fields.ts'

import { firstRequest, laterRequest } from './odd-requests.ts'
import type { RequestFacts } from './odd-requests.ts'
import { RECEIVED_AT_MS, notModifiedFields, responseFields } from './odd-responses.ts'

/** A response that came, and what happens next. */
export interface DifferentialCase {
  readonly request: RequestFacts
  readonly status: number
  readonly fields: Fields
  readonly sentAtMs: number
  readonly receivedAtMs: number
  readonly later: RequestFacts
  /** When `later` comes. */
  readonly nowMs: number
  /** Fields of a 304 to a validation. */
  readonly notModified: Fields
}

const STATUSES = [
  201, 202, 203, 204, 206, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 418, 429,
  500, 501, 503, 599,
] as const

/** How long after receipt `later` comes, so that windows are met at their ends. */
const RESIDENT_SECONDS = [0, 0, 1, 4, 5, 6, 9, 10, 11, 15, 20, 59, 60, 61, 70, 120, 3600] as const

export const differentialCases: fc.Arbitrary<DifferentialCase> = fc
  .record({
    request: firstRequest,
    status: fc.oneof(
      { weight: 6, arbitrary: fc.constant(200) },
      { weight: 4, arbitrary: fc.constantFrom(...STATUSES) },
    ),
    fields: responseFields,
    delayMs: fc.oneof(
      { weight: 6, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.constantFrom(1000, 5000) },
    ),
    later: laterRequest,
    residentSeconds: fc.constantFrom(...RESIDENT_SECONDS),
    notModified: notModifiedFields,
  })
  .map(({ delayMs, residentSeconds, ...facts }) => ({
    ...facts,
    sentAtMs: RECEIVED_AT_MS - delayMs,
    receivedAtMs: RECEIVED_AT_MS,
    nowMs: RECEIVED_AT_MS + residentSeconds * 1000,
  }))
