// A name server on a loopback port, over UDP and TCP, that says what it is told to say (RFC 1035 §4).

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

export interface Records {
  /** IPv4 addresses; of the other family there are none. */
  readonly addresses?: readonly string[]
  /** Default 1. */
  readonly ttlSeconds?: number
  readonly failure?: 'NXDOMAIN' | 'SERVFAIL'
  /** Before it answers. */
  readonly delayMs?: number
}

export interface DnsDouble {
  /** `127.0.0.1:port` */
  readonly address: string
  /** Questions so far, each try and each family counted. */
  questionCount(): number
  /** Of what was cut for UDP and asked again. */
  tcpCount(): number
  /** About every name, from now on. */
  say(records: Records): void
  close(): Promise<void>
}

const HEADER_BYTES = 12
const MAX_UDP_BYTES = 512
const TYPE_A = 1
const RCODES = { NXDOMAIN: 3, SERVFAIL: 2 } as const
const TRUNCATED = 0x0200

export async function startDnsDouble(): Promise<DnsDouble> {
  const timers = new Set<NodeJS.Timeout>()
  let records: Records = { failure: 'NXDOMAIN' }
  let questionCount = 0
  let tcpCount = 0

  function answer(query: Buffer, send: (response: Buffer) => void): void {
    questionCount += 1
    const said = records
    const timer = setTimeout(() => {
      timers.delete(timer)
      send(respond(query, said))
    }, said.delayMs ?? 0)
    timers.add(timer)
  }

  const tcp = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      tcpCount += 1
      answer(chunk.subarray(2), (response) => {
        const length = Buffer.alloc(2)
        length.writeUInt16BE(response.length)
        socket.write(Buffer.concat([length, response]))
      })
    })
  })
  tcp.listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const bound = tcp.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  const udp = createSocket('udp4')
  udp.on('message', (query, from) =>
    answer(query, (response) => udp.send(cutFor(response, query), from.port, from.address)),
  )
  udp.bind(port, '127.0.0.1')
  await once(udp, 'listening')
  return {
    address: `127.0.0.1:${port}`,
    questionCount: () => questionCount,
    tcpCount: () => tcpCount,
    say(next) {
      records = next
    },
    async close() {
      for (const timer of timers) clearTimeout(timer)
      udp.close()
      await new Promise((resolve) => tcp.close(resolve))
    },
  }
}

function respond(query: Buffer, { addresses = [], ttlSeconds = 1, failure }: Records): Buffer {
  const question = questionOf(query)
  const isAnswered = failure === undefined && question.readUInt16BE(question.length - 4) === TYPE_A
  const answers = isAnswered ? addresses.map((address) => recordOf(address, ttlSeconds)) : []
  const header = Buffer.alloc(HEADER_BYTES)
  query.copy(header, 0, 0, 2)
  header.writeUInt16BE(0x8180 | (failure === undefined ? 0 : RCODES[failure]), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(answers.length, 6)
  return Buffer.concat([header, question, ...answers])
}

/** Name, type and class, as they were asked. */
function questionOf(query: Buffer): Buffer {
  return query.subarray(HEADER_BYTES, query.indexOf(0, HEADER_BYTES) + 5)
}

function recordOf(address: string, ttlSeconds: number): Buffer {
  // The name is the one asked about: a pointer to it.
  const record = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4])
  record.writeUInt32BE(ttlSeconds, 6)
  return Buffer.concat([record, Buffer.from(address.split('.').map(Number))])
}

/** Without the answers, which are to be asked for over TCP. */
function cutFor(response: Buffer, query: Buffer): Buffer {
  if (response.length <= MAX_UDP_BYTES) return response
  const cut = Buffer.from(response.subarray(0, HEADER_BYTES + questionOf(query).length))
  cut.writeUInt16BE(cut.readUInt16BE(2) | TRUNCATED, 2)
  cut.writeUInt16BE(0, 6)
  return cut
}
