// Who may purge, in what form and how often, at the admin listener of the real process (T-100).

import { chmodSync } from 'node:fs'
import { Agent } from 'node:http'
import { networkInterfaces } from 'node:os'

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import type { HttpGetOptions } from '../support/http-get.ts'
import { sendPurge } from '../support/purge-call.ts'
import { rawRequest } from '../support/raw-client.ts'
import { runSluice, startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const TOKEN = 'canary-7f3a9c51e2d84b06'
const ALL = { all: true }
const CONFIG = { limits: { adminChangesPerSecond: 10_000 } }

const files = createConfigFiles()
let origin: TestOrigin

beforeAll(async () => {
  origin = await startTestOrigin()
  files.write('config.json', CONFIG)
})

afterAll(async () => {
  await origin.close()
  files.remove()
})

function tokenFile(name: string, content: string, mode = 0o600): string {
  const path = files.write(name, content)
  chmodSync(path, mode)
  return path
}

/** A test's own process, with `/a` stored. */
async function start(flags: readonly string[] = []): Promise<SluiceProcess> {
  const path = `${files.directory}/config.json`
  const sluice = await startSluice(['--origin', origin.url, '--config', path, ...flags])
  onTestFinished(() => sluice.finish())
  origin.put('/a', { body: 'a', fields: [['Cache-Control', 'max-age=3600']] })
  await httpGet(`${sluice.url}/a`)
  return sluice
}

async function isStored(sluice: SluiceProcess): Promise<boolean> {
  const headers = { 'Cache-Control': 'only-if-cached' }
  return (await httpGet(`${sluice.url}/a`, { headers })).status === 200
}

interface AuditRecord {
  readonly kind: string
  readonly level: number
  readonly action: string
  readonly peer: string
  readonly by: string
  readonly what: string
  readonly how?: string
  readonly status: number
  readonly outcome: string
  readonly msg: string
}

function auditOf(sluice: SluiceProcess): readonly AuditRecord[] {
  const lines = sluice.stdout.filter((line) => line.includes('"kind":"audit"'))
  return lines.map((line) => JSON.parse(line) as AuditRecord)
}

const HARD = { all: true, how: 'hard' }
const JSON_FIELDS = 'Host: a\r\nContent-Type: application/json\r\n'
const bearer = (token: string): HttpGetOptions => ({
  headers: { Authorization: `Bearer ${token}` },
})

describe('with a token file', () => {
  const WRONG: readonly (readonly [string, HttpGetOptions])[] = [
    ['no token', {}],
    ['an empty token', bearer('')],
    ['a shorter token', bearer(TOKEN.slice(0, -1))],
    ['a longer token', bearer(`${TOKEN}0`)],
    ['a wrong token', bearer(TOKEN.replace(/.$/, '7'))],
    ['the token in other letters', bearer(TOKEN.toUpperCase())],
    ['two tokens', bearer(`${TOKEN} ${TOKEN}`)],
    ['a list of tokens', bearer(`x, Bearer ${TOKEN}`)],
    ['the token without its scheme', { headers: { Authorization: TOKEN } }],
    ['the token under another scheme', { headers: { Authorization: `Basic ${TOKEN}` } }],
    ['the token as a password', { headers: { Authorization: `Basic ${btoa(`a:${TOKEN}`)}` } }],
    ['the token in a field of its own', { headers: { 'X-Token': TOKEN } }],
    ['the token in the query', { target: `/purge?token=${TOKEN}&access_token=${TOKEN}` }],
    ['the token in a cookie', { headers: { Cookie: `token=${TOKEN}` } }],
  ]

  it('asks everybody for the token, this machine too, before it looks at the body', async () => {
    const sluice = await start(['--admin-token-file', tokenFile('token', `${TOKEN}\n`)])
    for (const [name, options] of WRONG) {
      for (const body of [HARD, 'no JSON']) {
        const { status, header } = await sendPurge(sluice.adminUrl, body, options)
        expect([name, status]).toEqual([name, 401])
        expect(header('www-authenticate')).toMatch(/^Bearer realm="[^"]+"/)
      }
    }
    expect(await isStored(sluice)).toBe(true)
    const right = [bearer(TOKEN), { headers: { authorization: `bearer  ${TOKEN}` } }]
    for (const options of right) {
      expect((await sendPurge(sluice.adminUrl, HARD, options)).status).toBe(200)
    }
    expect(await isStored(sluice)).toBe(false)
    const audit = auditOf(sluice)
    expect(audit.map(({ by }) => by)).toEqual([
      ...WRONG.flatMap(() => ['nobody', 'nobody']),
      'token',
      'token',
    ])
    // Also in a query that was refused.
    expect(sluice.lines.filter((line) => line.includes(TOKEN))).toEqual([])
  })

  it('refuses a token in the query beside the right one, where it may have been seen', async () => {
    const sluice = await start(['--admin-token-file', tokenFile('token', TOKEN)])
    const target = `/purge?token=${TOKEN}`
    const refused = await sendPurge(sluice.adminUrl, HARD, { ...bearer(TOKEN), target })
    expect([refused.status, refused.body.toString()]).toEqual([
      400,
      expect.stringContaining('Authorization: Bearer'),
    ])
    expect(await isStored(sluice)).toBe(true)
    expect(sluice.lines.filter((line) => line.includes(TOKEN))).toEqual([])
  })

  it('answers 401 while the body is still to come, and reads none of it', async () => {
    const sluice = await start(['--admin-token-file', tokenFile('token', TOKEN)])
    const port = Number(new URL(sluice.adminUrl).port)
    for (const expect100 of ['', 'Expect: 100-continue\r\n']) {
      const bytes = `POST /purge HTTP/1.1\r\n${JSON_FIELDS}${expect100}Content-Length: 60000\r\n\r\n`
      const { responses, ended } = await rawRequest({ port, bytes, until: 'close' })
      expect(responses.map(({ status }) => status)).toEqual([401])
      expect(ended).toBe('fin')
    }
  })

  it('asks nothing of who reads health, readiness and metrics', async () => {
    const sluice = await start(['--admin-token-file', tokenFile('token', TOKEN)])
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      expect((await httpGet(`${sluice.adminUrl}${path}`)).status).toBe(200)
    }
  })

  it('accepts none of 2000 wrong tokens, each right up to some letter', async () => {
    const sluice = await start(['--admin-token-file', tokenFile('token', TOKEN)])
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const statuses = new Set<number>()
    for (let index = 0; index < 2000; index++) {
      const wrong = TOKEN.slice(0, index % TOKEN.length)
      const headers = { Authorization: `Bearer ${wrong.padEnd(TOKEN.length, '~')}` }
      const options = { method: 'POST', headers, agent }
      statuses.add((await httpGet(`${sluice.adminUrl}/purge`, options)).status)
    }
    expect([...statuses]).toEqual([401])
    expect(await isStored(sluice)).toBe(true)
  })

  it.each([
    ['is missing', () => `${files.directory}/no-such-file`, 'no such file'],
    ['is empty', () => tokenFile('empty', ''), 'it is empty'],
    ['holds a line end only', () => tokenFile('blank', ' \n'), 'it is empty'],
    ['holds two lines', () => tokenFile('lines', 'one\ntwo\n'), 'one token'],
    ['holds what no field can carry', () => tokenFile('umlaut', 'pässword'), 'one token'],
    ['can be read by every user', () => tokenFile('open', TOKEN, 0o604), 'chmod'],
    ['can be written by every user', () => tokenFile('loose', TOKEN, 0o602), 'chmod'],
    ['is a directory', () => files.directory, 'not a file'],
    ['is huge', () => tokenFile('huge', 'a'.repeat(5000)), '4096 bytes'],
  ])('refuses to start when it %s', async (_, path, word) => {
    const ports = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--disk', 'off']
    const args = ['serve', '--origin', origin.url, ...ports, '--log', 'json']
    const { code, stdout, stderr } = await runSluice([...args, '--admin-token-file', path()])
    expect(code).not.toBe(0)
    expect(stderr).toContain('Cannot use admin token file')
    expect(stderr).toContain(word)
    expect(stderr).not.toContain(TOKEN)
    expect(stdout).not.toContain('listening')
  })
})

describe('without a token file', () => {
  it('lets this machine purge', async () => {
    const sluice = await start()
    expect((await sendPurge(sluice.adminUrl, HARD)).status).toBe(200)
    expect(auditOf(sluice)).toMatchObject([
      { by: 'loopback', peer: '127.0.0.1', what: 'all', how: 'hard', status: 200 },
    ])
  })

  /** Another address of this machine: whoever comes by it could be anybody. */
  const address = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address

  it.skipIf(address === undefined)(
    'answers 403 to who comes from elsewhere, and says what to do',
    async () => {
      const sluice = await start(['--admin', '0.0.0.0:0'])
      const adminUrl = `http://${address}:${new URL(sluice.adminUrl).port}`
      const { status, body } = await sendPurge(adminUrl, HARD)
      expect([status, body.toString()]).toEqual([
        403,
        expect.stringContaining('--admin-token-file'),
      ])
      expect(await isStored(sluice)).toBe(true)
      expect((await httpGet(`${adminUrl}/readyz`)).status).toBe(200)
      expect(auditOf(sluice)).toMatchObject([{ by: 'nobody', peer: address, status: 403 }])
    },
  )

  it('takes this machine for itself when it listens for both families', async () => {
    const sluice = await start(['--admin', '[::]:0'])
    const port = new URL(sluice.adminUrl).port
    for (const host of ['127.0.0.1', '[::1]']) {
      expect((await sendPurge(`http://${host}:${port}`, ALL)).status).toBe(200)
    }
  })
})

describe('calls in a second', () => {
  it('are 10, then 429 with Retry-After; who may not purge takes none of them', async () => {
    const path = tokenFile('token', TOKEN)
    const sluice = await startSluice(['--origin', origin.url, '--admin-token-file', path])
    onTestFinished(() => sluice.finish())
    const send = (token: string) => sendPurge(sluice.adminUrl, ALL, bearer(token))
    const wrong = await Promise.all(Array.from({ length: 40 }, () => send('wrong')))
    expect(new Set(wrong.map(({ status }) => status))).toEqual(new Set([401]))
    const startedAtMs = performance.now()
    const right = await Promise.all(Array.from({ length: 30 }, () => send(TOKEN)))
    const elapsedSeconds = (performance.now() - startedAtMs) / 1000
    const accepted = right.filter(({ status }) => status === 200)
    const refused = right.filter(({ status }) => status === 429)
    expect(accepted.length + refused.length).toBe(30)
    expect(accepted.length).toBeGreaterThanOrEqual(10)
    expect(accepted.length).toBeLessThanOrEqual(10 * (Math.floor(elapsedSeconds) + 1))
    expect(refused[0]?.header('retry-after')).toBe('1')
    const isTaken = async () => (await send(TOKEN)).status
    await expect.poll(isTaken, { timeout: 5000 }).toBe(200)
  })
})

describe('the audit log', () => {
  it('has a line for each call, accepted or refused, at any level of the log', async () => {
    const sluice = await start(['--log-level', 'error'])
    const url = `${sluice.url}/a?X-Amz-Signature=secret&token=secret\u001b[2J`
    await sendPurge(sluice.adminUrl, { url: `${sluice.url}/a` })
    await sendPurge(sluice.adminUrl, { url, how: 'soft' })
    await sendPurge(sluice.adminUrl, { all: true, '\u001b[2J': 1 })
    await httpGet(`${sluice.adminUrl}/purge`)
    await expect.poll(() => auditOf(sluice).length).toBe(4)
    const who = { kind: 'audit', action: 'purge', by: 'loopback', peer: '127.0.0.1' }
    expect(auditOf(sluice)).toMatchObject([
      { ...who, what: `${sluice.url}/a`, how: 'hard', status: 200, outcome: 'purged' },
      { ...who, how: 'soft', status: 400 },
      { ...who, what: '', status: 400 },
      { ...who, what: '', status: 405 },
    ])
    expect(sluice.stdout.join('\n')).not.toContain('secret')
    for (const record of auditOf(sluice)) {
      // No value holds what a terminal would obey (T-104).
      expect(Object.values(record).join(' ')).toMatch(/^[ -~]*$/)
    }
  })

  it('is off with the rest of the log, and readable on a terminal', async () => {
    const silent = await start(['--log', 'off'])
    await sendPurge(silent.adminUrl, ALL)
    expect(silent.stdout.filter((line) => line.includes('purge'))).toEqual([])
    const pretty = await start(['--log', 'pretty'])
    await sendPurge(pretty.adminUrl, ALL)
    await expect
      .poll(() => pretty.stdout.at(-1))
      .toMatch(/ info: Purge of all \(soft\) by loopback from 127\.0\.0\.1: 200 purged$/)
  })
})
