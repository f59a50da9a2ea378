// HEAD and POST as other ways to what was for one reader (T-38, T-40).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startAttacked } from '../support/attacked.ts'
import type { Attacked } from '../support/attacked.ts'
import { concurrently } from '../support/concurrently.ts'
import { wire, wireHead } from '../support/raw-origin.ts'
import { FORBIDDEN, FORBIDDEN_OBSCURELY, UNSAID, WITH_COOKIE } from './threats-cache-spellings.ts'
import type { Spelling } from './threats-cache-spellings.ts'

const WAYS = [
  ['HEAD', 'HEAD'],
  ['GET', 'HEAD'],
  ['HEAD', 'GET'],
  ['POST', 'GET'],
  ['POST', 'HEAD'],
] as const

let pathCount = 0

/** What A was told by the first method that others were told by the second, later or at once. */
async function findLeaks(
  attacked: Attacked,
  spellings: readonly Spelling[],
  field?: 'Authorization' | 'Cookie',
): Promise<readonly string[]> {
  const linesOf = new Map<string, Spelling>()
  let answerCount = 0
  attacked.origin.answer(({ method, target }) => {
    answerCount += 1
    const own = [`X-For: ${answerCount}`, 'ETag: "e"', `Content-Location: ${target}`]
    const lines = [...(linesOf.get(target) ?? []), ...own]
    return method === 'HEAD'
      ? wireHead(200, [...lines, 'Content-Length: 1'])
      : wire(200, lines, 'x')
  })
  const leaks: string[] = []
  await concurrently(spellings, 8, async (lines, i) => {
    const [first, later] = WAYS[i % WAYS.length] ?? WAYS[0]
    const target = `/ways/${++pathCount}`
    linesOf.set(target, lines)
    const ask = async (method: string, who: string) => {
      const headers = field === undefined ? {} : { [field]: who }
      return (await attacked.get(target, { method, headers })).header('x-for')
    }
    const inTurn = [await ask(first, 'a'), await ask(later, 'b'), await ask('GET', 'c')]
    const atOnce = await Promise.all([ask(first, 'a'), ask(later, 'b'), ask('GET', 'c')])
    const told = [...inTurn, ...atOnce]
    if (new Set(told).size < told.length) leaks.push(`${first}, ${later}: ${lines.join(' | ')}`)
  })
  return leaks
}

describe.each(['careful', 'rfc'])('what was for one reader, under %s (T-38, T-40)', (policy) => {
  let attacked: Attacked

  beforeAll(async () => {
    const settings = { forward: 'all', methods: 'all' }
    attacked = await startAttacked((origin) => ({ ...settings, origin }), ['--policy', policy])
  })

  afterAll(() => attacked.finish())

  it('is for no other by another method where its fields forbid', async () => {
    const more = policy === 'careful' ? WITH_COOKIE : []
    const spellings = [...FORBIDDEN, ...FORBIDDEN_OBSCURELY, ...more]
    expect(await findLeaks(attacked, spellings)).toEqual([])
  })

  it.each(['Authorization', 'Cookie'] as const)(
    'is for no other by another method if it was asked for with %s',
    async (field) => {
      const spellings = UNSAID.flatMap((lines) => WAYS.map(() => lines))
      expect(await findLeaks(attacked, spellings, field)).toEqual([])
    },
  )
})
