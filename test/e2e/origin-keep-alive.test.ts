// An origin that closes idle connections just as they are used again (F-15), through the real process.

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import { createSeededRandom } from '../support/seeded-random.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'

/** Nothing is stored, and nothing said of how long a connection is kept. */
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: no-store\r\n\r\nok'
const IDLE_MS = 50
const ROUNDS = 60
const CLIENTS = 8
const WARM = 3

const files = createConfigFiles()
let origin: Server
let connectionCount = 0
let sluice: SluiceProcess

beforeAll(async () => {
  origin = createServer((socket) => {
    connectionCount += 1
    let timer: NodeJS.Timeout | undefined
    socket.on('error', () => undefined)
    socket.on('data', () => {
      clearTimeout(timer)
      socket.write(ANSWER)
      timer = setTimeout(() => socket.destroy(), IDLE_MS)
    })
  })
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const address = origin.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const config = files.write('warm.json', { limits: { originWarm: WARM } })
  sluice = await startSluice(['--origin', `http://127.0.0.1:${port}`, '--config', config])
})

afterAll(async () => {
  await sluice.finish()
  origin.close()
  files.remove()
})

describe('connections at start', () => {
  it('are there before anybody asks, where that is wanted', async () => {
    await expect.poll(() => connectionCount).toBe(WARM)
    expect((await httpGet(sluice.url, { target: '/' })).status).toBe(200)
    expect(connectionCount).toBe(WARM)
  })
})

describe('an origin that keeps connections for 50 ms', () => {
  it('costs no client an error at gaps of 40 to 60 ms', async () => {
    const random = createSeededRandom(15)
    const wrong: unknown[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const asked = Array.from({ length: CLIENTS }, (_, i) =>
        httpGet(sluice.url, { target: `/${round}-${i}` }),
      )
      for (const { status, header, complete } of await Promise.all(asked)) {
        if (status !== 200 || !complete) wrong.push([round, status, header('cache-status')])
      }
      await sleep(random.integer(40, 60))
    }
    expect(wrong).toEqual([])
    // Both happened: connections were used again, and connections were gone.
    expect(connectionCount).toBeGreaterThan(CLIENTS)
    expect(connectionCount).toBeLessThan(ROUNDS * CLIENTS)
  })
})
