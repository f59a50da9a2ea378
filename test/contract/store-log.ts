// The Store contract: invalidations of a group and of everything, which each access finds in the log.

import { expect, it } from 'vitest'

import type { InvalidationScope } from '#core/entry/invalidation-scope.ts'
import { EVERYTHING, groupIdOf } from '#core/entry/invalidation-scope.ts'
import type { Store } from '#core/ports/store.ts'

import { testHead } from '../support/stored.ts'
import {
  BODY,
  KEY,
  OTHER_BODY,
  OTHER_KEY,
  expectPeekAgrees,
  headsOf,
  nominated,
  onlySegmentOf,
  shortHead,
  shortSegment,
} from './store-facts.ts'

const GROUP = groupIdOf('test', '', 'news')
const OTHER_GROUP = groupIdOf('test', '', 'sport')
const IN_GROUP = { groups: [OTHER_GROUP, GROUP] }

const SCOPES: readonly (readonly [string, InvalidationScope])[] = [
  ['a group', GROUP],
  ['everything', EVERYTHING],
]

export function testLog(open: () => Store): void {
  it.each(SCOPES)(
    'flags what is in it: %s (RFC 9111 §4.4, RFC 9875 §2.2.1)',
    async (_name, scope) => {
      const store = open()
      const heads = [
        shortHead(KEY, BODY, { ...nominated('a'), ...IN_GROUP }),
        testHead(KEY, OTHER_BODY, { ...nominated('b'), ...IN_GROUP }),
      ]
      for (const head of heads) await store.writeHead(store.ticket(KEY), head)
      await store.writeSegment(store.ticket(KEY), BODY, 0, shortSegment(BODY))
      await store.invalidate(scope, 'validate')
      for (let i = 0; i < 2; i++) {
        const found = await headsOf(store, KEY)
        expect(found).toHaveLength(2)
        expect(found.every(({ invalidated }) => invalidated)).toBe(true)
        await expectPeekAgrees(store, KEY)
      }
      const bytes = await store.readSegment(BODY, 0, 0, 333)
      expect(bytes).toEqual(shortSegment(BODY))
    },
  )

  it.each(SCOPES)('drops what is in it: %s', async (_name, scope) => {
    const store = open()
    await store.writeHead(store.ticket(KEY), shortHead(KEY, BODY, IN_GROUP))
    await store.writeSegment(store.ticket(KEY), BODY, 0, shortSegment(BODY))
    await store.invalidate(scope, 'drop')
    expect(await headsOf(store, KEY)).toEqual([])
    await expectPeekAgrees(store, KEY)
  })

  it.each(SCOPES)('is lifted by what is written under a newer ticket: %s', async (_name, scope) => {
    for (const how of ['validate', 'drop'] as const) {
      const store = open()
      const head = shortHead(KEY, BODY, IN_GROUP)
      await store.writeHead(store.ticket(KEY), head)
      await store.invalidate(scope, how)
      await headsOf(store, KEY)
      expect(await store.writeHead(store.ticket(KEY), head)).toBe('stored')
      await store.writeSegment(store.ticket(KEY), BODY, 0, shortSegment(BODY))
      expect(await headsOf(store, KEY)).toEqual([head])
      expect(await onlySegmentOf(store, KEY)).toEqual(shortSegment(BODY))
    }
  })

  it('of a group leaves alone what is not in it', async () => {
    const store = open()
    const heads = [testHead(KEY, BODY, { groups: [OTHER_GROUP] }), testHead(OTHER_KEY, OTHER_BODY)]
    for (const head of heads) await store.writeHead(store.ticket(head.key), head)
    await store.invalidate(GROUP, 'validate')
    await store.invalidate(GROUP, 'drop')
    expect(await headsOf(store, KEY)).toEqual([heads[0]])
    expect(await headsOf(store, OTHER_KEY)).toEqual([heads[1]])
  })

  it('judges what was fetched before it and is stored after it', async () => {
    for (const how of ['validate', 'drop'] as const) {
      const store = open()
      const ticket = store.ticket(KEY)
      await store.invalidate(GROUP, how)
      await store.writeHead(ticket, testHead(KEY, BODY, IN_GROUP))
      const found = await headsOf(store, KEY)
      expect(found.filter(({ invalidated }) => !invalidated)).toEqual([])
      expect(found).toHaveLength(how === 'drop' ? 0 : 1)
    }
  })

  it('of everything supersedes the tickets of every key, and a drop changes their generation', async () => {
    const store = open()
    const tickets = [store.ticket(KEY), store.ticket(OTHER_KEY)]
    await store.invalidate(EVERYTHING, 'drop')
    for (const ticket of tickets) {
      expect(await store.writeHead(ticket, testHead(ticket.key, BODY))).toBe('superseded')
      expect(store.ticket(ticket.key).generation).not.toBe(ticket.generation)
    }
  })

  it('is told by a ticket that is asked for groups', async () => {
    const store = open()
    const { logPosition } = store.ticket(KEY)
    expect(store.ticket(KEY, [GROUP]).position <= logPosition).toBe(true)
    await store.invalidate(GROUP, 'validate')
    expect(store.ticket(KEY).position <= logPosition).toBe(true)
    expect(store.ticket(KEY, [GROUP]).position > logPosition).toBe(true)
  })
}
