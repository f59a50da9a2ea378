// The process of an origin that fails as it is told.

import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

import { createSeededRandom } from '../test/support/seeded-random.ts'
import { BODY_BYTES, FIRST_VERSION, UNSTORED_PREFIX } from './outage-origin.ts'
import type { Behaviour, OriginReport, OriginTask } from './outage-origin.ts'

const WELL_MS = 5
const SLOW_MS = 50
const FLAP_MS = 5000
const FAILING_SHARE = 0.3
const BODY = Buffer.alloc(BODY_BYTES, 'x')
const STORED_FIELDS = { 'Cache-Control': 'max-age=1, stale-if-error=86400' }
const UNSTORED_FIELDS = { 'Cache-Control': 'no-store' }

const random = createSeededRandom(3)
const sockets = new Set<Socket>()
let attemptsAtMs: number[] = []
let atOnceCount = 0
let maxAtOnceCount = 0
let version = FIRST_VERSION
let behaviour: Behaviour = 'well'
let flapping: NodeJS.Timeout | undefined

const http = createHttpServer({ keepAliveTimeout: 0 }, (request, response) => {
  noteAttempt()
  atOnceCount++
  maxAtOnceCount = Math.max(maxAtOnceCount, atOnceCount)
  response.once('close', () => atOnceCount--)
  if (behaviour === 'silent') return
  setTimeout(answer, behaviour === 'slow' ? SLOW_MS : WELL_MS, request, response)
})

const server = createServer((socket) => {
  socket.on('error', () => undefined)
  if (behaviour === 'dead') {
    noteAttempt()
    socket.resetAndDestroy()
    return
  }
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
  http.emit('connection', socket)
})
server.listen(0, '127.0.0.1', 1024, () => process.send?.((server.address() as AddressInfo).port))

process.on('message', (task: OriginTask) => process.send?.(obey(task)))
process.once('disconnect', () => process.exit())

function obey(task: OriginTask): number | OriginReport {
  if (task === 'report') {
    const report = { attemptsAtMs, maxAtOnceCount }
    attemptsAtMs = []
    return report
  }
  clearInterval(flapping)
  if (task === 'flapping') {
    flapping = setInterval(() => become(behaviour === 'dead' ? 'well' : 'dead'), FLAP_MS)
  }
  if (task === 'well') {
    version++
    maxAtOnceCount = 0
  }
  become(task === 'flapping' ? 'dead' : task)
  return wallMs()
}

function become(next: Behaviour): void {
  // What it has not answered by then it never will.
  const isCut = next === 'dead' || behaviour === 'silent'
  behaviour = next
  if (isCut) for (const socket of sockets) socket.resetAndDestroy()
}

function answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
  if (behaviour === 'refusing' || (behaviour === 'failing' && random.chance(FAILING_SHARE))) {
    response.writeHead(behaviour === 'refusing' ? 503 : 500, { 'Content-Length': 0 }).end()
    return
  }
  const etag = `"${version}"`
  const fields = { ...(url.startsWith(UNSTORED_PREFIX) ? UNSTORED_FIELDS : STORED_FIELDS), etag }
  if (headers['if-none-match'] === etag) response.writeHead(304, fields).end()
  else response.writeHead(200, { ...fields, 'Content-Length': BODY_BYTES }).end(BODY)
}

function noteAttempt(): void {
  attemptsAtMs.push(wallMs())
}

function wallMs(): number {
  return performance.timeOrigin + performance.now()
}
