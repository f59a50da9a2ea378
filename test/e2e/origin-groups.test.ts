// Several origins with the same objects, through the real process: who is asked, who stands in, and what is shown of it.

import { chmodSync } from 'node:fs'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const FRESH = [['Cache-Control', 'max-age=3600']] as const
const ENDLESS = Number.POSITIVE_INFINITY
const SIZE_BYTES = 5_000_000

const files = createConfigFiles()
const origins: TestOrigin[] = []
let sluice: SluiceProcess | undefined

beforeAll(async () => {
  for (let i = 0; i < 3; i++) origins.push(await startTestOrigin())
})

beforeEach(() => {
  for (const origin of origins) {
    origin.reset()
    for (let i = 0; i < 40; i++) origin.put(`/${i}`, { body: `${i}`, fields: FRESH })
    origin.put('/large', { sizeBytes: SIZE_BYTES, fields: FRESH })
  }
})

afterEach(async () => {
  await sluice?.finish()
  sluice = undefined
})

afterAll(async () => {
  for (const origin of origins) await origin.close()
  files.remove()
})

const urls = () => origins.map(({ url }) => url)
const counts = () => origins.map((origin) => origin.counters().requests)

async function start(site: Readonly<Record<string, unknown>>, limits = {}): Promise<SluiceProcess> {
  const config = files.write('groups.json', { limits, sites: [{ name: 'all', ...site }] })
  sluice = await startSluice(['--config', config, '--disk', 'off'])
  return sluice
}

async function getAll({ url }: SluiceProcess): Promise<readonly number[]> {
  const statuses: number[] = []
  for (let i = 0; i < 40; i++) statuses.push((await httpGet(`${url}/${i}`)).status)
  return [...new Set(statuses)]
}

interface ShownOrigin {
  readonly address: string
  readonly usable: boolean
  readonly breaker: string
  readonly health: string
  readonly lastCheck?: string
}

async function shown({ adminUrl }: SluiceProcess): Promise<readonly ShownOrigin[]> {
  const got = await httpGet(`${adminUrl}/origins`)
  expect(got.status).toBe(200)
  const told = JSON.parse(got.body.toString()) as { sites: { origins: ShownOrigin[] }[] }
  return told.sites.flatMap((site) => site.origins)
}

describe('several origins', () => {
  it('may be given as flags, and are asked in turn', async () => {
    sluice = await startSluice(['--disk', 'off', ...urls().flatMap((url) => ['--origin', url])])
    expect(await getAll(sluice)).toEqual([200])
    expect(counts()).toEqual([14, 13, 13])
  })

  it('get their share by weight, or each key its own', async () => {
    const [a = '', b = ''] = urls()
    await getAll(await start({ origins: [{ url: a, weight: 3 }, b] }))
    expect(counts()).toEqual([30, 10, 0])
    await sluice?.finish()
    for (const origin of origins) origin.resetCounters()
    const first = await start({ origins: urls(), balance: 'key' })
    await getAll(first)
    const before = counts()
    await first.finish()
    // The same for another process, in whatever order they are named.
    await getAll(await start({ origins: urls().toReversed(), balance: 'key' }))
    expect(counts()).toEqual(before.map((count) => 2 * count))
  })

  it('make up for one that fails and one that breaks off: no client sees anything of it', async () => {
    // So many second attempts as it takes until it shows that they are not worth asking.
    const running = await start({ origins: urls() }, { retryMin: 20, breakerRequests: 5 })
    origins[0]?.inject({ fault: 'status', status: 503, times: ENDLESS })
    origins[1]?.inject({ fault: 'truncate', afterBytes: 0, end: 'rst', times: ENDLESS })
    expect(await getAll(running)).toEqual([200])
    expect((await shown(running)).map(({ breaker }) => breaker)).toEqual(['open', 'open', 'closed'])
  })

  it('have a backup asked only when no other can be', async () => {
    const [a = '', b = '', backup = ''] = urls()
    const running = await start({ origins: [a, b, { url: backup, backup: true }] })
    expect(await getAll(running)).toEqual([200])
    expect(counts()[2]).toBe(0)
    await httpGet(`${running.url}/large`, { range: 'bytes=0-9' })
    for (const origin of origins.slice(0, 2)) {
      origin.inject({ fault: 'status', status: 500, times: ENDLESS })
    }
    expect((await httpGet(`${running.url}/large`, { range: 'bytes=4000000-' })).status).toBe(206)
    expect(counts()[2]).toBe(1)
  })

  it('continue a download where another has left it, with bytes of one version', async () => {
    const running = await start({ origins: urls().slice(0, 2) })
    for (const origin of origins) {
      origin.inject({ fault: 'truncate', afterBytes: 2_000_000, end: 'rst' }, '/large')
    }
    const { body, complete } = await httpGet(`${running.url}/large`)
    expect(complete).toBe(true)
    const range = { object: '/large', version: 1, startByte: 0, endByte: SIZE_BYTES }
    expect(checkOracle(body, range)).toBeUndefined()
    expect(counts().filter((count) => count > 0)).toHaveLength(2)
  })
})

describe('a check of their health', () => {
  it('finds out that one is not well, before a client does, and that it is again', async () => {
    const [a = '', b = ''] = urls()
    for (const origin of origins) origin.put('/healthz', { body: 'ok' })
    const health = { path: '/healthz', interval: '100ms', timeout: '1s' }
    const running = await start({ origins: [a, b], health })
    const heal = origins[0]?.inject({ fault: 'status', status: 404, times: ENDLESS }, '/healthz')
    const states = async () => (await shown(running)).map((origin) => origin.health)
    await expect.poll(states).toEqual(['unwell', 'well'])
    const [first] = await shown(running)
    expect(first).toMatchObject({ address: a, usable: false, breaker: 'closed', lastCheck: '404' })
    const isFor = (path: RegExp) =>
      origins.map(({ requests }) => requests.filter(({ target }) => path.test(target)))
    expect(await getAll(running)).toEqual([200])
    expect(isFor(/^\/\d+$/).map((seen) => seen.length)).toEqual([0, 40, 0])
    heal?.()
    await expect.poll(states).toEqual(['well', 'well'])
    const told = running.lines.filter((line) => line.includes('"kind":"health"'))
    expect(told.map((line) => (JSON.parse(line) as { isWell: boolean }).isWell)).toEqual([
      false,
      true,
    ])
  })

  it('brings back one whose breaker is open, without a client having to try', async () => {
    const [a = ''] = urls()
    origins[0]?.put('/healthz', { body: 'ok' })
    const health = { path: '/healthz', interval: '100ms', timeout: '1s' }
    const running = await start(
      { origins: [a], health },
      { breakerOpen: '200ms', breakerRamp: '100ms' },
    )
    const heal = origins[0]?.inject({ fault: 'status', status: 500, times: ENDLESS })
    const breakers = async () => (await shown(running)).map(({ breaker }) => breaker)
    for (let i = 0; i < 25; i++) await httpGet(`${running.url}/${i}`).catch(() => undefined)
    await expect.poll(breakers).toEqual(['open'])
    heal?.()
    await expect.poll(breakers).toEqual(['closed'])
    expect((await httpGet(`${running.url}/39`)).status).toBe(200)
  })
})

it('what is known of origins is shown to who may see it, and to nobody else', async () => {
  const token = 'a-token-of-more-than-thirty-two-characters'
  const file = files.write('token', token)
  chmodSync(file, 0o600)
  sluice = await startSluice([
    '--origin',
    urls()[0] ?? '',
    '--disk',
    'off',
    '--admin-token-file',
    file,
  ])
  const bare = await httpGet(`${sluice.adminUrl}/origins`)
  expect([bare.status, bare.body.toString()]).toEqual([401, expect.stringContaining('Bearer')])
  const headers = { Authorization: `Bearer ${token}` }
  const got = await httpGet(`${sluice.adminUrl}/origins`, { headers })
  expect(got.header('content-type')).toBe('application/json')
  expect(JSON.parse(got.body.toString())).toMatchObject({
    sites: [
      {
        site: 'default',
        balance: 'round-robin',
        origins: [
          { address: urls()[0], usable: true, breaker: 'closed', health: 'off', running: 0 },
        ],
      },
    ],
  })
})
