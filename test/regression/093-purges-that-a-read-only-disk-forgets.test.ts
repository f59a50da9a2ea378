// A purge was confirmed while the disk could only be read: it could be written nowhere, nor could what it was
// about be removed. With the disk mended and the process started again, the purged response was served.

import { expect, it, onTestFinished } from 'vitest'

import { httpGet } from '../support/http-get.ts'
import { canMount, mountDisk } from '../support/mounts.ts'
import { sendPurge } from '../support/purge-call.ts'
import { startOnDisk } from '../support/disk-clients.ts'
import { startTestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const FRESH = [['Cache-Control', 'max-age=3600']] as const

const test = canMount() ? it : it.skip
test('a purge that is confirmed holds when a disk that could not be written is mended', async () => {
  const origin = await startTestOrigin()
  onTestFinished(() => origin.close())
  const { directory, abort, repair } = await mountDisk(96 * MIB)
  const start = () => startOnDisk(origin, directory)
  origin.put('/purged', { body: 'old', fields: FRESH })
  const before = await start()
  onTestFinished(() => before.kill())
  await httpGet(`${before.url}/purged`)
  // Stopped and started, so that it is on disk, and the log of the disk has nothing to undo.
  await before.finish()
  const broken = await start()
  onTestFinished(() => broken.kill())
  abort()
  origin.put('/purged', { body: 'new', fields: FRESH, version: 2 })
  const purge = { url: `${broken.url}/purged`, how: 'hard' }
  const { status } = await sendPurge(broken.adminUrl, purge)
  await broken.kill()
  repair()
  const after = await start()
  onTestFinished(() => after.kill())
  const { body } = await httpGet(`${after.url}/purged`)
  expect([status, body.toString()]).not.toEqual([200, 'old'])
})
