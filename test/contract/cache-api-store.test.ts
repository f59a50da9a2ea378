// The Store contract over the Cache API of workerd: the store runs here, what it stores is there.

import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { FlowEvent } from '#core/ports/request-scope.ts'
import { createInvalidations } from '#web/invalidations.ts'

import { createCacheApiStore } from '../../src/adapters/worker/cache-api-store.ts'
import { testBody, testHead, testKey, testSegment } from '../support/stored.ts'
import type { Workerd } from '../support/workerd.ts'
import { startWorkerd } from '../support/workerd.ts'
import { describeStore } from './store-contract.ts'

const CONFIG = fileURLToPath(new URL('../runtime/cache/wrangler.toml', import.meta.url))
/** The worker's word for "not there": nothing that the Cache API says itself. */
const MISSING = 410

let workerd: Workerd
let cacheCount = 0
beforeAll(async () => {
  workerd = await startWorkerd(CONFIG)
})
afterAll(() => workerd.close())

type CacheLike = Pick<Cache, 'match' | 'put' | 'delete'>

/** A new cache of the Worker; its `put` and `match` see what they would see there. */
function openCache(): CacheLike {
  const base = `${workerd.url}/c${++cacheCount}`
  const placeOf = (info: RequestInfo | URL) =>
    `${base}/${encodeURIComponent(info instanceof Request ? info.url : String(info))}`
  return {
    async match(info) {
      const headers = new Headers(info instanceof Request ? info.headers : undefined)
      const response = await fetch(placeOf(info), { headers })
      return response.status === MISSING ? undefined : response
    },
    async put(info, response) {
      const { headers } = response
      const body = await response.arrayBuffer()
      const put = await fetch(placeOf(info), { method: 'PUT', headers, body })
      if (put.status !== 204) throw new Error(`Cannot put: the cache answered ${put.status}`)
    },
    async delete(info) {
      return (await fetch(placeOf(info), { method: 'DELETE' })).status === 204
    },
  }
}

function createStore(cache: CacheLike, events: FlowEvent[] = []) {
  const invalidations = createInvalidations()
  const store = createCacheApiStore({
    cache: () => Promise.resolve(cache as Cache),
    invalidations,
    logId: 'this isolate',
    record: (event) => events.push(event),
  })
  return { store, invalidations }
}

describeStore(
  'createCacheApiStore',
  async () => ({ ...createStore(openCache()), close: () => Promise.resolve() }),
  // Each read is a request to the Worker.
  { tellsPresence: false, propertyRunCount: 3 },
)

describe('createCacheApiStore', () => {
  const KEY = testKey('object')
  const BODY = testBody('one')

  it('shares heads and segments with the other isolates of its data centre', async () => {
    const cache = openCache()
    const one = createStore(cache).store
    const ticket = one.ticket(KEY)
    await one.writeHead(ticket, testHead(KEY, BODY))
    await one.writeSegment(ticket, BODY, 1, testSegment(BODY, 1))
    const other = createStore(cache).store
    expect((await other.read(KEY))?.variants[0]?.head).toEqual(testHead(KEY, BODY))
    expect(await other.readSegment(BODY, 1, 5, 25)).toEqual(testSegment(BODY, 1).slice(5, 25))
    await other.invalidate(KEY, 'validate')
    expect((await one.read(KEY))?.variants[0]?.head.invalidated).toBe(true)
  })

  it('takes a record of another key at the same place for none', async () => {
    const cache = openCache()
    const { store } = createStore({
      ...cache,
      // Every key has the same digest here.
      match: (info) => cache.match(sameHead(info)),
      put: (info, response) => cache.put(sameHead(info), response),
    })
    await store.writeHead(store.ticket(KEY), testHead(KEY, BODY))
    expect((await store.read(KEY))?.variants).toHaveLength(1)
    expect(await store.read(testKey('other'))).toBeUndefined()
  })

  it('takes a segment that has lost its end for none', async () => {
    const cache = openCache()
    const cut: CacheLike = {
      ...cache,
      async put(info, response) {
        const { headers } = response
        await cache.put(
          info,
          new Response((await response.arrayBuffer()).slice(0, 900), { headers }),
        )
      },
    }
    const { store } = createStore(cut)
    await store.writeSegment(store.ticket(KEY), BODY, 0, testSegment(BODY, 0))
    expect(await store.readSegment(BODY, 0, 0, 1000)).toBeUndefined()
    expect(await store.readSegment(BODY, 0, 0, 10)).toBeUndefined()
    expect(await store.readSegment(BODY, 0, 890, 910)).toBeUndefined()
  })

  it('is a cache with nothing in it when the Cache API fails, and says so', async () => {
    const events: FlowEvent[] = []
    const { store } = createStore({ match: failing, put: failing, delete: failing }, events)
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, testHead(KEY, BODY))
    await store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
    await store.writeMark(ticket, { kind: 'hit-for-miss', expiresAtMs: 1 })
    expect(await store.read(KEY)).toBeUndefined()
    expect(await store.readSegment(BODY, 0, 0, 10)).toBeUndefined()
    await store.invalidate(KEY, 'drop')
    expect(new Set(events.map(({ kind }) => kind))).toEqual(new Set(['store-failed']))
  })
})

function failing(): Promise<never> {
  return Promise.reject(new Error('Too many subrequests'))
}

function sameHead(info: RequestInfo | URL): string {
  const url = info instanceof Request ? info.url : String(info)
  return url.replace(/\/head\/.*$/, '/head/same')
}
