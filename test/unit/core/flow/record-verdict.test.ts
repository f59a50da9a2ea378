import { describe, expect, it } from 'vitest'

import { recordVerdict } from '#core/flow/record-verdict.ts'
import { createFakeStore } from '../../../support/fake-store.ts'
import { createTestScope } from '../../../support/scopes.ts'
import { testBody, testHead, testKey, testSegment } from '../../../support/stored.ts'

const KEY = testKey('object')
const BODY = testBody('one')
const OTHER_BODY = testBody('two')
const ALGORITHM = 'crc64nvme'

function variant(value: string, body = BODY) {
  return testHead(KEY, body, { nominated: { names: ['accept'], values: [value] } })
}

async function storeOf(...heads: ReturnType<typeof variant>[]) {
  const store = createFakeStore()
  const ticket = store.ticket(KEY)
  for (const head of heads) await store.writeHead(ticket, head)
  await store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
  const scope = createTestScope()
  return {
    store,
    scope,
    heads: async () => ((await store.read(KEY))?.variants ?? []).map(({ head }) => head),
  }
}

describe('recordVerdict', () => {
  it('marks every head of the body, leaves the others, and keeps the order of both of its own', async () => {
    const [a, b, other] = [variant('a'), variant('b'), variant('c', OTHER_BODY)]
    const { store, scope, heads } = await storeOf(a, b, other)
    await recordVerdict({ store, scope }, a, { verdict: 'verified', algorithm: ALGORITHM }, 0)
    expect(await heads()).toEqual([
      { ...b, verified: ALGORITHM },
      { ...a, verified: ALGORITHM },
      other,
    ])
    expect(scope.events).toEqual([{ kind: 'body-verified', algorithm: ALGORITHM }])
  })

  it('writes nothing that is known already', async () => {
    const head = { ...variant('a'), verified: ALGORITHM } as const
    const { store, scope } = await storeOf(head)
    const before = store.count('writeHead')
    await recordVerdict({ store, scope }, head, { verdict: 'verified', algorithm: ALGORITHM }, 0)
    expect(store.count('writeHead')).toBe(before)
  })

  it('drops what is wrong, under an id that does not come back', async () => {
    const head = variant('a')
    const { store, scope, heads } = await storeOf(head)
    const { generation } = store.ticket(KEY)
    await recordVerdict({ store, scope }, head, { verdict: 'mismatch', algorithm: ALGORITHM }, 0)
    expect(await heads()).toEqual([])
    expect(store.ticket(KEY).generation).toBeGreaterThan(generation)
    expect(scope.events).toEqual([{ kind: 'digest-mismatch', algorithm: ALGORITHM }])
  })
})
