// Who waited for another's answer got it whatever it was: also what is to be validated for each use, what
// was stale when it came, and what was older than he takes.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import type { OriginAnswer } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

type Asks = Readonly<Record<string, string>>

/** The first answer to a GET is held until all have asked. */
async function askTogether(
  asks: readonly Asks[],
  answer: (number: number) => OriginAnswer,
  heldNumber = 0,
) {
  const released = Promise.withResolvers<void>()
  const origin = createAnsweringOrigin((_, number) => ({
    ...answer(number),
    ...(number === heldNumber && { after: released.promise }),
  }))
  const edge = createEdge({ wrap: origin.wrap })
  for (let i = 0; i < heldNumber; i++) {
    await edge.get('/a')
    await edge.clock.step(61_000)
  }
  const together = asks.map((fields) => edge.get('/a', fields))
  await edge.clock.step(1)
  released.resolve()
  const answers = await Promise.all(together)
  return { texts: answers.map(textOf), answers, origin }
}

const TEN = Array.from({ length: 10 }, () => ({}))

describe('those who wait together', () => {
  it.each([
    ['no-cache', 'no-cache'],
    ['max-age=0', 'max-age=0'],
    ['max-age=0, must-revalidate', 'max-age=0, must-revalidate'],
    ['older on arrival than its lifetime', 'max-age=60'],
  ])(
    'ask once more for what one alone may have: %s (RFC 9111 §4, §5.2.2.4)',
    async (name, control) => {
      const isOld = name.startsWith('older')
      const { texts, origin } = await askTogether(TEN, (number) => ({
        fields: {
          'cache-control': control,
          etag: `"${number}"`,
          ...(isOld && { age: '100' }),
        },
        body: `answer ${number}`,
      }))
      expect(texts[0]).toBe('answer 0')
      // The second was asked for when all were there: it is as good as asked for each.
      expect(texts.slice(1)).toEqual(Array.from({ length: 9 }, () => 'answer 1'))
      expect(origin.requests).toHaveLength(2)
    },
  )

  it('ask once more where a 304 leaves it to be validated (RFC 9111 §5.2.2.4)', async () => {
    const fields = { 'cache-control': 'no-cache', etag: '"a"' }
    const { answers, origin } = await askTogether(
      TEN,
      (number) => (number === 0 ? { fields, body: 'one' } : { status: 304, fields }),
      1,
    )
    expect(answers.map(textOf)).toEqual(Array.from({ length: 10 }, () => 'one'))
    expect(origin.requests).toHaveLength(3)
  })

  it('share what may be reused, at the cost of one request', async () => {
    const { texts, origin } = await askTogether(TEN, (number) => ({
      fields: { 'cache-control': 'max-age=60' },
      body: `answer ${number}`,
    }))
    expect(new Set(texts)).toEqual(new Set(['answer 0']))
    expect(origin.requests).toHaveLength(1)
  })
})

describe('one who waits', () => {
  it.each([
    ['max-age=10', 'max-age=10'],
    ['min-fresh=550', 'min-fresh=550'],
    ['no-cache', 'no-cache'],
  ])('is given nothing that its own %s does not take (RFC 9111 §5.2.1)', async (_name, control) => {
    const { answers, texts } = await askTogether([{}, { 'cache-control': control }], (number) => ({
      fields: {
        'cache-control': 'max-age=600',
        etag: `"${number}"`,
        age: number === 0 ? '100' : '0',
      },
      body: `answer ${number}`,
    }))
    expect(texts).toEqual(['answer 0', 'answer 1'])
    expect(Number(answers[1]?.field('age') ?? 0)).toBeLessThan(10)
  })
})
