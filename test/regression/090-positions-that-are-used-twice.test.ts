// A soft purge of what is not stored counted in the log of invalidations, but was not written. After a restart
// its position was given again, to an invalidation that responses stored in between then took for an older one:
// a group, or everything, was purged and stayed.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { EVERYTHING, groupIdOf } from '#core/entry/invalidation-scope.ts'

import type { DiskFixture } from '../support/disk-fixture.ts'
import { createDiskFixture } from '../support/disk-fixture.ts'
import { testBody, testHead, testKey, testSegment } from '../support/stored.ts'

const GROUP = groupIdOf('test', '', 'group')

describe('an invalidation after a restart', () => {
  let disk: DiskFixture
  beforeEach(async () => {
    disk = await createDiskFixture()
  })
  afterEach(() => disk.end())

  it.each([
    ['a group', GROUP],
    ['everything', EVERYTHING],
  ])(
    'of %s concerns what was stored before, whatever was invalidated then',
    async (_name, scope) => {
      const before = await disk.open()
      for (let i = 0; i < 3; i++) await before.invalidate(testKey(`unknown ${i}`), 'validate')
      const [key, body] = [testKey('stored'), testBody('stored')]
      const ticket = before.ticket(key, [GROUP])
      await before.writeHead(ticket, testHead(key, body, { groups: [GROUP] }))
      await before.writeSegment(ticket, body, 0, testSegment(body, 0))
      await before.close()
      const after = await disk.open()
      await after.invalidate(scope, 'drop')
      expect(await after.read(key)).toBeUndefined()
    },
  )
})
