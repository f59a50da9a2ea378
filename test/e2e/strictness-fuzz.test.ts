// Random mutations of valid and of hostile streams (T-18): no crash, no hang, no request that nobody made.

import { once } from 'node:events'
import { connect } from 'node:net'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { rawRequest } from '../support/raw-client.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { FRAMING_CORPUS } from './strictness-framing.ts'
import { MEANING_CORPUS } from './strictness-meaning.ts'

const STREAM_COUNT = 5000
const CLIENT_COUNT = 48
/** Longer than anything here may take, and shorter than the deadlines that would end a hang. */
const HANG_MS = 4000
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32))

type Random = () => number

let origin: TestOrigin
let sluice: SluiceProcess

beforeAll(async () => {
  origin = await startTestOrigin()
  sluice = await startSluice(['--origin', origin.url, '--log', 'off'], { readyMs: 10_000 })
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
})

/** Mulberry32. */
function createRandom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const SPECIAL = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '\x0b',
  '\x7f',
  '\xa0',
  '0',
  '1',
]
const LINES = [
  'Content-Length: 5',
  'Content-Length: 0',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: x',
  'Host: b',
  'Connection: close',
  'Connection: keep-alive, content-length',
  'Expect: 100-continue',
  'Upgrade: h2c',
  'Range: bytes=0-1',
]

type Mutation = (text: string, random: Random) => string

const at = (length: number, random: Random) => Math.floor(random() * (length + 1))
const pick = (list: readonly string[], random: Random) => list[at(list.length - 1, random)] ?? ''

function onLines(change: (lines: string[], random: Random) => void): Mutation {
  return (text, random) => {
    const lines = text.split('\r\n')
    change(lines, random)
    return lines.join('\r\n')
  }
}

const MUTATIONS: readonly Mutation[] = [
  (text, random) => {
    const index = at(text.length - 1, random)
    const flipped = String.fromCharCode(text.charCodeAt(index) ^ (1 << at(7, random)))
    return text.slice(0, index) + flipped + text.slice(index + 1)
  },
  (text, random) => {
    const index = at(text.length - 1, random)
    return text.slice(0, index) + text.slice(index + 1)
  },
  (text, random) => {
    const index = at(text.length, random)
    return text.slice(0, index) + pick(SPECIAL, random) + text.slice(index)
  },
  (text, random) => {
    const index = at(text.length, random)
    return text.slice(0, index) + String.fromCharCode(at(255, random)) + text.slice(index)
  },
  (text, random) => text.slice(0, at(text.length, random)),
  (text, random) => {
    const [from, to] = [at(text.length, random), at(text.length, random)].toSorted((a, b) => a - b)
    return text.slice(0, to) + text.slice(from)
  },
  (text, random) => {
    const bare = pick(['\n', '\r', '\r\r\n', ''], random)
    const index = text.indexOf('\r\n', at(text.length, random))
    return index < 0 ? text : text.slice(0, index) + bare + text.slice(index + 2)
  },
  (text, random) =>
    text.replaceAll(/[0-9]+/g, (digits) => (random() < 0.2 ? `${digits}0` : digits)),
  (text, random) => (random() < 0.5 ? text.toUpperCase() : text.toLowerCase()),
  onLines((lines, random) => lines.splice(at(lines.length - 1, random), 1)),
  onLines((lines, random) => {
    const index = at(lines.length - 1, random)
    lines.splice(at(lines.length, random), 0, lines[index] ?? '')
  }),
  onLines((lines, random) => {
    lines.splice(1 + at(lines.length - 1, random), 0, pick(LINES, random))
  }),
  onLines((lines, random) => {
    const index = at(lines.length - 1, random)
    lines[index] = `${lines[index]}${pick(SPECIAL, random)}`
  }),
]

const BASES = [...FRAMING_CORPUS, ...MEANING_CORPUS]
  .map(({ bytes }) => bytes)
  .filter(({ length }) => length < 2000)

function makeStream(number: number, random: Random): string {
  const numbered = pick(BASES, random)
    .replaceAll('/ok', `/ok-${number}`)
    .replaceAll('/hidden', `/hidden-${number}`)
  let stream = `${numbered}GET /end-${number} HTTP/1.1\r\nHost: a\r\n\r\n`
  for (let i = at(3, random); i > 0; i -= 1) {
    stream = MUTATIONS[at(MUTATIONS.length - 1, random)]?.(stream, random) ?? stream
  }
  return stream
}

const REQUEST_LINE = /^([A-Z]+) +(\/\S*) +HTTP\/1\.[01]$/
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t\x20-\x7e\x80-\xff]*$/

/** Targets of the requests without a body that stand at the beginning, well formed, one after another. */
function intendedTargets(stream: string): readonly string[] {
  const targets: string[] = []
  let rest = stream
  for (;;) {
    rest = rest.replace(/^[\r\n]+/, '')
    const end = rest.indexOf('\r\n\r\n')
    const [requestLine = '', ...lines] = rest.slice(0, Math.max(0, end)).split('\r\n')
    const [, , target] = REQUEST_LINE.exec(requestLine) ?? []
    if (target === undefined) return targets
    const names = lines.map((line) => FIELD_LINE.exec(line)?.[1]?.toLowerCase())
    const hasBody = lines.some((line) =>
      /^(?:content-length:(?!\s*0+\s*$)|transfer-encoding:)/i.test(line),
    )
    const hostCount = names.filter((name) => name === 'host').length
    if (names.includes(undefined) || hasBody || hostCount !== 1) return targets
    targets.push(target)
    rest = rest.slice(end + 4)
  }
}

/** Whether the connection ended by itself. */
async function play(stream: string): Promise<boolean> {
  const socket = connect({ port: sluice.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  socket.resume()
  socket.end(Buffer.from(stream, 'latin1'))
  const timer = new AbortController()
  const closed = Promise.race([once(socket, 'end'), once(socket, 'close')]).then(() => true)
  const hangs = new Promise<boolean>((resolve) => {
    const timeout = setTimeout(() => resolve(false), HANG_MS)
    timer.signal.addEventListener('abort', () => clearTimeout(timeout))
  })
  const hasEnded = await Promise.race([closed.catch(() => true), hangs])
  timer.abort()
  socket.destroy()
  return hasEnded
}

it(`${STREAM_COUNT} mutated streams end, and cause no request that nobody made (T-18)`, async () => {
  console.info(`Fuzz seed: SLUICE_FUZZ_SEED=${SEED}`)
  const random = createRandom(SEED)
  const intended = new Set<string>()
  const hanging: string[] = []
  let nextNumber = 0

  async function client(): Promise<void> {
    while (nextNumber < STREAM_COUNT) {
      nextNumber += 1
      const stream = makeStream(nextNumber, random)
      for (const target of intendedTargets(stream)) intended.add(target)
      if (!(await play(stream))) hanging.push(stream)
    }
  }

  await Promise.all(Array.from({ length: CLIENT_COUNT }, client))
  const unintended = origin.requests
    .map(({ target }) => target)
    .filter((seen) => !intended.has(seen))
  expect({ seed: SEED, unintended }).toEqual({ seed: SEED, unintended: [] })
  expect({ seed: SEED, hanging }).toEqual({ seed: SEED, hanging: [] })
  expect(origin.requests.length).toBeGreaterThan(STREAM_COUNT / 10)
  const alive = await rawRequest({ port: sluice.port, bytes: 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n' })
  expect(alive.responses[0]?.status).toBe(404)
}, 60_000)
