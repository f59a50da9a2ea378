// Idle clients took every descriptor that the process may have. Then nothing on disk could be opened, no origin
// be reached, which counted as the origin's failure, and who operates it was let in no more.

import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

import { expect, it, onTestFinished } from 'vitest'

import { createDiskClients, pathsOf, startOnDisk } from '../support/disk-clients.ts'
import { httpGet } from '../support/http-get.ts'
import { testDirectory } from '../support/programs.ts'
import { parseResponse } from '../support/raw-response.ts'
import { startTestOrigin } from '../support/test-origin.ts'

const PATHS = pathsOf('object', 100)

/** With what it serves on disk, and as many idle clients as it lets in, of many more. */
async function beset() {
  const origin = await startTestOrigin()
  onTestFinished(() => origin.close())
  const disk = await testDirectory()
  const clients = createDiskClients(origin, 1)
  onTestFinished(() => clients.end())
  clients.put(PATHS, 60_000)
  const before = await startOnDisk(origin, disk)
  onTestFinished(() => before.kill())
  await clients.fetchAll(before, PATHS)
  await before.finish()
  const few = { under: ['prlimit', '--nofile=256:256'] }
  const sluice = await startOnDisk(origin, disk, [], few)
  onTestFinished(() => sluice.kill())
  const sockets = Array.from({ length: 600 }, () => connect(sluice.port, '127.0.0.1'))
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()))
  for (const socket of sockets) socket.on('error', () => undefined)
  await Promise.all(sockets.map((socket) => Promise.race([once(socket, 'connect'), gone(socket)])))
  const [first] = sockets
  if (first === undefined) throw new Error('No socket')
  return { sluice, first }
}

function gone(socket: Socket): Promise<unknown> {
  return once(socket, 'close')
}

it('a client with a connection gets what is stored, however many others are idle', async () => {
  const { first } = await beset()
  const chunks: Buffer[] = []
  first.on('data', (chunk: Buffer) => chunks.push(chunk))
  first.write(`GET ${PATHS[3]} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  await gone(first)
  const parsed = parseResponse(Buffer.concat(chunks), 'GET', 'fin')
  expect('response' in parsed && parsed.response?.status).toBe(200)
})

it('the admin listener answers, however many clients are idle', async () => {
  const { sluice } = await beset()
  expect((await httpGet(`${sluice.adminUrl}/metrics`)).status).toBe(200)
})
