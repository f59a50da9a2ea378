// A disk that takes seconds for a read made clients wait for it, all in a row, while the origin would have
// answered at once: a proxy without a disk was faster.

import { expect, it, onTestFinished } from 'vitest'

import { createDiskClients, pathsOf, startOnDisk } from '../support/disk-clients.ts'
import { httpGet } from '../support/http-get.ts'
import { describeWith, testDirectory } from '../support/programs.ts'
import { attachStrace, slabPaths } from '../support/strace.ts'
import { startTestOrigin } from '../support/test-origin.ts'

describeWith(['strace'], 'a read from a disk that is very slow', () => {
  it('is overtaken by the origin', async () => {
    const origin = await startTestOrigin()
    onTestFinished(() => origin.close())
    const disk = await testDirectory()
    const clients = createDiskClients(origin, 1)
    onTestFinished(() => clients.end())
    const paths = pathsOf('object', 100)
    clients.put(paths, 60_000)
    const sluice = await startOnDisk(origin, disk)
    onTestFinished(() => sluice.kill())
    // The first ones are no longer in memory.
    await clients.fetchAll(sluice, paths)
    const strace = await attachStrace(sluice.pid, {
      call: 'preadv,pread64',
      action: 'delay_enter=4000000',
      paths: slabPaths(disk, 1, 20),
    })
    onTestFinished(async () => void (await strace.detach()))
    const { status, elapsedMs } = await httpGet(`${sluice.url}${paths[0]}`)
    expect(status).toBe(200)
    expect(elapsedMs).toBeLessThan(3000)
  })
})
