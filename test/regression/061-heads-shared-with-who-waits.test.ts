// Those who waited for the answer to a HEAD got it whatever it said: what is to be validated for each, and
// the fields that were for the one who had asked.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

async function headsTogether(count: number, control: string) {
  const released = Promise.withResolvers<void>()
  const origin = createAnsweringOrigin((_, number) => ({
    fields: { 'cache-control': control, etag: `"${number}"`, 'x-user': `user ${number}` },
    ...(number === 0 && { after: released.promise }),
  }))
  const edge = createEdge({ wrap: origin.wrap, site: { policy: { honoursQualified: true } } })
  const together = Array.from({ length: count }, () => edge.get('/a', {}, 'HEAD'))
  await edge.clock.step(1)
  released.resolve()
  return await Promise.all(together)
}

describe('HEADs together', () => {
  it.each(['no-cache', 'max-age=0'])(
    'ask once more for what one alone may have: %s (RFC 9111 §5.2.2.4)',
    async (control) => {
      const [first, ...others] = await headsTogether(5, control)
      expect(first?.field('etag')).toBe('"0"')
      expect(others.map(({ field }) => field('etag'))).not.toContain('"0"')
    },
  )

  it('do not see the fields that are for another (RFC 9111 §5.2.2.7)', async () => {
    const control = 'max-age=60, private="x-user"'
    const [first, ...others] = await headsTogether(3, control)
    expect(first?.field('x-user')).toBe('user 0')
    expect(others.map(({ field }) => field('x-user'))).not.toContain('user 0')
  })
})
