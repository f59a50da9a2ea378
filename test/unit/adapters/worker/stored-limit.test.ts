import { describe, expect, it } from 'vitest'

import { withStoredLimit } from '../../../../src/adapters/worker/stored-limit.ts'
import { request } from '../../../contract/upstream-facts.ts'
import { createFakeUpstream } from '../../../support/fake-upstream.ts'
import { createTestScope } from '../../../support/scopes.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'

describe('withStoredLimit', () => {
  it('lets be what is as long as the limit, and keeps the next byte out of the store', async () => {
    expect(await isStorable(1000)).toBe(true)
    expect(await isStorable(1001)).toBe(false)
  })

  it('counts the whole of what a range is a part of (RFC 9110 §14.4)', async () => {
    expect(await isStorable(1000, ['range', 'bytes=0-9'])).toBe(true)
    expect(await isStorable(1001, ['range', 'bytes=0-9'])).toBe(false)
  })
})

async function isStorable(sizeBytes: number, fields: readonly string[] = []) {
  const origin = createFakeUpstream({ clock: createSteppedClock() })
  origin.put('/object', { sizeBytes })
  const limited = withStoredLimit(origin, 1000)
  const response = await limited.fetch(request('/object', fields), createTestScope())
  response.body.cancel('seen enough')
  return response.isDelimited
}
