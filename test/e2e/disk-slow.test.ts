// A disk that takes seconds for what takes others no time, one that another process has, and a process that may
// open few files (F-34, F-38, F-40).

import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

import { createDiskClients, mixedSizes, pathsOf, startOnDisk } from '../support/disk-clients.ts'
import { httpGet } from '../support/http-get.ts'
import { describeWith, testDirectory } from '../support/programs.ts'
import { runSluice } from '../support/sluice-process.ts'
import type { SluiceOptions, SluiceProcess } from '../support/sluice-process.ts'
import { attachStrace, slabPaths } from '../support/strace.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { startTestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const OLD = pathsOf('old', 60)
const TWO_SECONDS = 'delay_enter=2000000'
/** What may wait for the disk, and as much again for the garbage of what was served meanwhile. */
const MOST_GROWN_BYTES = 2 * 64 * MIB

let origin: TestOrigin
beforeAll(async () => {
  origin = await startTestOrigin()
})
afterAll(() => origin.close())

async function begin(options: SluiceOptions = {}) {
  const disk = await testDirectory()
  const clients = createDiskClients(origin, 1)
  onTestFinished(() => clients.end())
  clients.put(OLD, mixedSizes(1))
  const sluice = await startOnDisk(origin, disk, [], options)
  onTestFinished(() => sluice.kill())
  await clients.fetchAll(sluice, OLD)
  return { disk, clients, sluice }
}

describeWith(['strace'], 'a disk tier', () => {
  it('whose writes take seconds lets no client wait, nor memory grow', async () => {
    const { disk, clients, sluice } = await begin()
    const strace = await attachStrace(sluice.pid, {
      call: 'pwritev,pwrite64,fdatasync',
      action: TWO_SECONDS,
      paths: slabPaths(disk, 1, 60),
    })
    const added = pathsOf('added', 150)
    clients.put(added, MIB)
    const beforeBytes = sluice.rssBytes()
    const startedAtMs = performance.now()
    await clients.fetchAll(sluice, added)
    // A write holds 4 MiB at most, so that to wait for each would take twice as long as this.
    expect(performance.now() - startedAtMs).toBeLessThan((150 / 4) * 1000)
    expect(sluice.rssBytes() - beforeBytes).toBeLessThan(MOST_GROWN_BYTES)
    await strace.detach()
    expect(clients.problems).toEqual([])
    await sluice.kill()
  }, 90_000)
})

describe('a disk tier', () => {
  it('is refused to a second process, which says who has it, and serves on for the first', async () => {
    const { disk, clients, sluice } = await begin()
    const ports = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
    const args = ['serve', '--origin', origin.url, ...ports, '--disk', disk]
    const { code, stderr, stdout } = await runSluice(args)
    expect(code).toBeGreaterThan(0)
    expect(stdout).not.toContain('listening')
    expect(stderr).toContain(`process ${sluice.pid} has it`)
    await clients.fetchAll(sluice, OLD)
    await sluice.finish()
    expect(clients.problems).toEqual([])
  })

  it('of a process without a descriptor left serves again within 2 s of idle clients leaving it some', async () => {
    const { clients, sluice } = await begin({ under: ['prlimit', '--nofile=256:256'] })
    const idle = await openIdle(sluice, 1000)
    for (const socket of idle) socket.destroy()
    const added = pathsOf('added', 30)
    clients.put(added, 100_000)
    await expect.poll(() => isAnswered(sluice), { interval: 50, timeout: 2000 }).toBe(true)
    await clients.fetchAll(sluice, [...OLD, ...added])
    await sluice.finish()
    expect(clients.problems).toEqual([])
  })
})

/** Connections on which nothing is said. */
async function openIdle({ port }: SluiceProcess, count: number): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1'))
  for (const socket of sockets) socket.on('error', () => undefined)
  await Promise.all(
    sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])),
  )
  return sockets
}

async function isAnswered({ url }: SluiceProcess): Promise<boolean> {
  try {
    return (await httpGet(`${url}/old/1`)).complete
  } catch {
    return false
  }
}
