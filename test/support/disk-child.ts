// A process with a disk store under load, to be killed at any moment. It tells, one line each, which
// invalidations were acknowledged: `drop KEY VERSION`, `validate KEY VERSION`.

import { writeSync } from 'node:fs'

import { createInvalidations } from '#web/invalidations.ts'
import { createSystemClock } from '#web/system-clock.ts'

import { openDiskStore } from '../../src/adapters/node/disk-store.ts'
import { crashBody, crashHead, crashKey, crashSegment, CRASH_KEY_COUNT } from './disk-crash.ts'

const directory = process.env.SLUICE_DISK ?? ''
let version = Number(process.env.SLUICE_VERSION ?? 0)

const store = await openDiskStore({
  directory,
  maxBytes: 4 * 2 ** 20,
  slabBytes: 2 ** 19,
  invalidations: createInvalidations(),
  clock: createSystemClock(),
  record: () => undefined,
}).catch(() => process.exit(3))

writeSync(1, 'open\n')
for (;;) {
  version++
  const keyIndex = Math.floor(Math.random() * CRASH_KEY_COUNT)
  const key = crashKey(keyIndex)
  const ticket = store.ticket(key)
  const body = crashBody(keyIndex, version)
  const segmentCount = 1 + (version % 3)
  const head = crashHead(keyIndex, version, segmentCount)
  void store.writeHead(ticket, head)
  for (let index = 0; index < segmentCount; index++) {
    void store.writeSegment(ticket, body, index, crashSegment(body, index))
  }
  if (version % 5 === 0) await store.flush()
  if (version % 7 === 0) {
    const how = version % 2 === 0 ? 'drop' : 'validate'
    await store.invalidate(key, how)
    writeSync(1, `${how} ${keyIndex} ${version}\n`)
  }
  if (version % 3 === 0) await store.read(crashKey(version % CRASH_KEY_COUNT))
}
