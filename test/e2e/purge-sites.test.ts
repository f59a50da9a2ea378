// A purge finds its key as a request does: by host, port and path to the site, and through the site's rules.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import type { HttpResult } from '../support/http-get.ts'
import { sendPurge } from '../support/purge-call.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess

beforeAll(async () => {
  origin = await startTestOrigin()
  const origins = [origin.url]
  const path = files.write('sites.json', {
    limits: { adminChangesPerSecond: 10_000 },
    sites: [
      {
        name: 'docs',
        hosts: ['docs.test', 'www.docs.test', 'docs.test:8443'],
        origins,
        query: { drop: ['utm'], sort: true },
      },
      { name: 'tenants', hosts: ['*.tenant.test'], host: 'client', origins },
      { name: 'api', hosts: ['docs.test'], pathPrefix: '/api/', origins },
      { name: 'search', hosts: ['search.test'], origins, noVarySearch: true },
    ],
  })
  sluice = await startSluice(['--config', path])
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
  files.remove()
})

beforeEach(() => {
  origin.reset()
})

const FRESH = [['Cache-Control', 'max-age=3600']] as const

function get(host: string, target: string): Promise<HttpResult> {
  return httpGet(sluice.url, { target, headers: { Host: host } })
}

async function cacheOf(host: string, target: string): Promise<string> {
  const { header } = await get(host, target)
  return header('cache-status')?.replace(/^sluice; /, '') ?? ''
}

async function store(host: string, target: string): Promise<void> {
  await cacheOf(host, target)
  expect(await cacheOf(host, target)).toMatch(/^hit/)
}

async function purgeUrl(url: string): Promise<readonly string[]> {
  const { status, body } = await sendPurge(sluice.adminUrl, { url })
  expect(status).toBe(200)
  return (JSON.parse(body.toString()) as { purged: { keys: string[] } }).purged.keys
}

async function refusalOf(url: string): Promise<readonly [number, string]> {
  const { status, body } = await sendPurge(sluice.adminUrl, { url })
  return [status, body.toString()]
}

describe('a purge by URL', () => {
  it.each([
    ['http://docs.test/a'],
    ['https://docs.test/a'],
    ['HTTP://DOCS.test/a'],
    ['http://docs.test:80/a'],
    ['https://docs.test:443/a'],
    ['http://docs.test.:80/a'],
    ['http://www.docs.test/a'],
    ['https://docs.test:8443/a'],
  ])('of %s purges what all hosts of the site share', async (url) => {
    origin.put('/a', { body: 'a', fields: FRESH })
    await store('docs.test', '/a')
    expect(await cacheOf('www.docs.test', '/a')).toMatch(/^hit/)
    expect(await purgeUrl(url)).toEqual(['docs\n/a'])
    expect(await cacheOf('www.docs.test', '/a')).toMatch(/^fwd=uri-miss/)
  })

  it('purges for one host alone where the origin is told the host', async () => {
    origin.put('/t', { body: 't', fields: FRESH })
    for (const host of ['a.tenant.test', 'b.tenant.test', 'a.tenant.test:81']) {
      await store(host, '/t')
    }
    expect(await purgeUrl('https://a.tenant.test/t')).toEqual(['tenants\na.tenant.test/t'])
    expect(await cacheOf('b.tenant.test', '/t')).toMatch(/^hit/)
    expect(await cacheOf('a.tenant.test:81', '/t')).toMatch(/^hit/)
    expect(await cacheOf('a.tenant.test', '/t')).toMatch(/^fwd=uri-miss/)
  })

  it('goes by the path to the site of the prefix', async () => {
    origin.put('/api/x', { body: 'x', fields: FRESH })
    await store('docs.test', '/api/x')
    expect(await purgeUrl('http://www.docs.test/api/x')).toEqual(['docs\n/api/x'])
    expect(await cacheOf('docs.test', '/api/x')).toMatch(/^hit/)
    expect(await purgeUrl('http://docs.test/api/x')).toEqual(['api\n/api/x'])
    expect(await cacheOf('docs.test', '/api/x')).toMatch(/^fwd=uri-miss/)
  })

  it.each(['?b=2&a=1', '?a=1&b=2', '?utm=x&b=2&a=1', '?a=1&utm=y&b=2&utm=z'])(
    'finds what is stored through the query rules of the site, with %s',
    async (query) => {
      origin.put('/q', { body: 'q', fields: FRESH })
      await store('docs.test', '/q?utm=1&b=2&a=1')
      await store('docs.test', '/q?a=1&b=3')
      expect(await purgeUrl(`http://docs.test/q${query}`)).toEqual(['docs\n/q?a=1&b=2'])
      expect(await cacheOf('docs.test', '/q?b=2&a=1')).toMatch(/^fwd=uri-miss/)
      expect(await cacheOf('docs.test', '/q?a=1&b=3')).toMatch(/^hit/)
    },
  )

  it('purges what stands for it by No-Vary-Search', async () => {
    const fields = [...FRESH, ['No-Vary-Search', 'params=("utm")']] as const
    origin.put('/s', { body: 's', fields })
    await store('search.test', '/s?q=1&utm=1')
    expect(await cacheOf('search.test', '/s?q=1&utm=2')).toMatch(/^hit/)
    const keys = await purgeUrl('http://search.test/s?q=1&utm=2')
    expect(keys).toEqual(['search\n/s?q=1&utm=2', 'search\n/s?q=1&utm=1'])
    origin.put('/s', { body: 'new', fields })
    for (const utm of ['2', '1', '3']) {
      expect((await get('search.test', `/s?q=1&utm=${utm}`)).body.toString()).toBe('new')
    }
  })

  it('keeps the bytes of a path as they were sent: what a URL parser would unify is not the same', async () => {
    const targets = ['/p/%7Ea', '/p/~a', '/p//~a', '/p/%7ea', '/p/a%2fb']
    for (const target of targets) origin.put(target, { body: target, fields: FRESH })
    for (const target of targets) await store('docs.test', target)
    expect(await purgeUrl('http://docs.test/p/~a')).toEqual(['docs\n/p/~a'])
    const found: string[] = []
    for (const target of targets) {
      if ((await cacheOf('docs.test', target)).startsWith('fwd=')) found.push(target)
    }
    expect(found).toEqual(['/p/~a'])
  })

  it.each([
    'docs.test/a',
    '/a',
    'ftp://docs.test/a',
    'http:///a',
    'http://docs.test:99999/a',
    'http://docs.test:81.test/a',
    'http://user@docs.test/a',
    'http://docs.test/a b',
    'http://docs.test/a#b',
    'http://docs.test/../a',
    'http://docs.test/ä',
    'http://docs.test?a',
    ' http://docs.test/a',
    'http://docs.test/a\n',
    '',
  ])('refuses %j with 400, and says what to send', async (url) => {
    const [status, text] = await refusalOf(url)
    expect([status, text]).toEqual([400, expect.stringContaining('http://host[:port]/path')])
  })

  it.each(['http://other.test/a', 'http://tenant.test/a', 'http://docs.test.other.test/a'])(
    'refuses %s with 422: no site here has the host',
    async (url) => {
      const [status, text] = await refusalOf(url)
      expect([status, text]).toEqual([422, expect.stringContaining('send the host')])
    },
  )

  it('goes, without a path, to the root', async () => {
    origin.put('/', { body: 'root', fields: FRESH })
    await store('docs.test', '/')
    expect(await purgeUrl('https://docs.test')).toEqual(['docs\n/'])
    expect(await cacheOf('docs.test', '/')).toMatch(/^fwd=uri-miss/)
  })

  it('says the same of what was never stored', async () => {
    expect(await purgeUrl('http://docs.test/never')).toEqual(['docs\n/never'])
  })
})
