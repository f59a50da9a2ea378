// Raw bytes at the front door of the real process (hazards 3.1, criterion G-SMUG).

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { rawRequest } from '../support/raw-client.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import type { StrictnessCase } from './strictness-case.ts'
import { FRAMING_CORPUS } from './strictness-framing.ts'
import { MEANING_CORPUS } from './strictness-meaning.ts'

const CORPUS = [...FRAMING_CORPUS, ...MEANING_CORPUS]
const NO_STORE = [['Cache-Control', 'no-store']] as const
const LIMITS = { targetBytes: 4096, fieldBytes: 8192, fieldCount: 100, headBytes: 16_384 }

let origin: TestOrigin
let sluice: SluiceProcess
let probeCount = 0

beforeAll(async () => {
  origin = await startTestOrigin()
  sluice = await startSluice(['--origin', origin.url])
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
})

beforeEach(() => {
  origin.reset()
  origin.put('/ok', { body: 'ok', fields: NO_STORE })
  origin.put('/hidden', { body: 'hidden', fields: NO_STORE })
})

/** A request whose answer can be mistaken for no other. */
function nextProbe(): { target: string; bytes: string; body: string } {
  const target = `/probe-${++probeCount}`
  const body = `body of ${target}`
  origin.put(target, { body, fields: NO_STORE })
  return { target, bytes: `GET ${target} HTTP/1.1\r\nHost: probe\r\n\r\n`, body }
}

function targetsSeen(): string {
  return origin.requests.map(({ target }) => target).join(' ')
}

async function storedCount(): Promise<number> {
  return (await sluice.metrics()).value('sluice_events_total', { kind: 'stored' })
}

function mayStayOpen(status: number): boolean {
  return status < 400 || status === 404 || status === 405 || status === 508
}

/** What of G-SMUG, (a) to (e), does not hold. */
async function findProblems(smuggled: StrictnessCase): Promise<readonly string[]> {
  const { bytes, closes, origin: intended = [] } = smuggled
  const statuses = [smuggled.status].flat()
  const isClosing = closes ?? !statuses.every(mayStayOpen)
  const storedBefore = await storedCount()
  const behind = nextProbe()
  const { port } = sluice
  const until = isClosing ? ('close' as const) : 2
  const result = await rawRequest({ port, bytes: [bytes, behind.bytes], gapMs: 5, until })
  const apart = nextProbe()
  const other = await rawRequest({ port, bytes: apart.bytes })
  const [answer, ...late] = result.responses
  const problems: string[] = []
  const demand = (isRight: boolean, what: string) => isRight || problems.push(what)
  demand(result.problem === undefined, `answer is malformed: ${result.problem}`)
  demand(statuses.includes(answer?.status ?? 0), `status is ${answer?.status}`)
  demand(!result.timedOut, 'connection hangs')
  if (isClosing) {
    demand(result.ended !== 'open', 'connection stays open')
    const isRefused = late.every(({ status }) => status >= 400)
    demand(isRefused, 'what stood behind got an answer')
  } else demand(late[0]?.body.toString() === behind.body, 'probe behind got no answer of its own')
  demand(other.responses[0]?.body.toString() === apart.body, 'probe apart got no answer of its own')
  const expected = [...intended, ...(isClosing ? [] : [behind.target]), apart.target].join(' ')
  demand(targetsSeen() === expected, `origin saw ${targetsSeen()}`)
  demand((await storedCount()) === storedBefore, 'something was stored')
  return problems
}

describe('the corpus of request smuggling (G-SMUG)', () => {
  it('holds at least 120 byte strings, all different', () => {
    const distinct = new Set(CORPUS.map(({ bytes }) => bytes))
    expect(distinct.size).toBeGreaterThanOrEqual(120)
  })

  it.each(CORPUS)('$name', async (strictnessCase) => {
    expect(await findProblems(strictnessCase)).toEqual([])
  })
})

describe('fields at the origin', () => {
  it.each([
    ['Connection: Upgrade', 'Upgrade: canary'],
    ['Connection: HTTP2-Settings', 'HTTP2-Settings: canary'],
    ['TE: canary'],
    ['Keep-Alive: canary'],
    ['Proxy-Authorization: canary'],
    ['Proxy-Connection: canary'],
    ['Expect: 100-continue'],
    ['Connection: X-Own', 'X-Own: canary'],
    ['X-HTTP-Method-Override: canary'],
    ['X-Forwarded-For: canary'],
    ['X-Forwarded-Host: canary'],
    ['Forwarded: for=canary'],
    ['X-Original-URL: /canary'],
    ['X_Forwarded_Host: canary'],
    ['X-Text: caf\xe9 canary'],
  ])('never show %s (RFC 9110 §7.6.1; T-16, T-17, T-64 to T-66)', async (...lines) => {
    const seen = await fieldsAtOrigin(lines)
    expect(seen).not.toContain('canary')
    expect(seen).not.toContain('100-continue')
  })

  it('show one Host, the origin’s own, whatever the client said', async () => {
    const seen = await fieldsAtOrigin([])
    expect(seen.match(/^host$/gm)).toHaveLength(1)
    expect(seen).toContain(`127.0.0.1:${origin.port}`)
  })
})

describe('limits of a request head', () => {
  it.each([
    [0, 200],
    [1, 414],
  ])('answer a target of 4096 + %i bytes with %i (RFC 9112 §3)', async (over, status) => {
    expect(await statusOf(`/${'t'.repeat(LIMITS.targetBytes - 1 + over)}`, [])).toBe(status)
  })

  it.each([
    [0, 200],
    [1, 431],
  ])('answer a field of 8192 + %i bytes with %i (RFC 6585 §5)', async (over, status) => {
    const value = 'v'.repeat(LIMITS.fieldBytes - 'X-Long'.length + over)
    expect(await statusOf('/ok', [`X-Long: ${value}`])).toBe(status)
  })

  it.each([
    [0, 200],
    [1, 431],
  ])('answer 100 + %i fields with %i (RFC 6585 §5)', async (over, status) => {
    const fields = Array.from({ length: LIMITS.fieldCount - 1 + over }, (_, i) => `X-${i}: y`)
    expect(await statusOf('/ok', fields)).toBe(status)
  })

  it.each([
    [0, 200],
    [1, 431],
  ])('answer a head of 16384 + %i bytes with %i (RFC 6585 §5)', async (over, status) => {
    const first = `X-1: ${'v'.repeat(8000)}`
    const second = `X-2: ${'v'.repeat(8000)}`
    const counted = countedBytes('/ok', ['Host: a', first, second, 'X-3: '])
    const third = `X-3: ${'v'.repeat(LIMITS.headBytes - 1 + over - counted)}`
    expect(await statusOf('/ok', [first, second, third])).toBe(status)
  })
})

/** What the parser counts: target, names and values, without what stands between them. */
function countedBytes(target: string, fields: readonly string[]): number {
  return fields.reduce((sum, field) => sum + field.length - 2, target.length)
}

async function fieldsAtOrigin(lines: readonly string[]): Promise<string> {
  const bytes = ['GET /ok HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n')
  const { responses } = await rawRequest({ port: sluice.port, bytes })
  expect(responses[0]?.status).toBe(200)
  return origin.requests[0]?.rawHeaders.join('\n').toLowerCase() ?? ''
}

async function statusOf(target: string, fields: readonly string[]): Promise<number | undefined> {
  origin.put(target, { body: 'ok', fields: NO_STORE })
  const bytes = [`GET ${target} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n')
  const { responses, ended } = await rawRequest({ port: sluice.port, bytes, lingerMs: 300 })
  const status = responses[0]?.status ?? 0
  expect(ended === 'open').toBe(status < 400)
  expect(targetsSeen()).toBe(status < 400 ? target : '')
  return status
}
