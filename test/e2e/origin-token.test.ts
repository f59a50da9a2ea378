// An origin that wants a bearer token, which is renewed in a file while the process runs.

import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import type { ConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const FRESH = [['Cache-Control', 'public, max-age=3600']] as const

let files: ConfigFiles
let origin: TestOrigin
let sluice: SluiceProcess
let tokenPath: string
beforeEach(async () => {
  files = createConfigFiles()
  origin = await startTestOrigin()
  tokenPath = files.write('token', 'first.token\n')
  const health = { path: '/healthz', interval: '100ms' }
  const site = { name: 'private', origins: [origin.url], originToken: tokenPath, health }
  origin.put('/healthz', { body: 'ok' })
  sluice = await startSluice([
    '--disk',
    'off',
    '--config',
    files.write('c.json', { sites: [site] }),
  ])
})
afterEach(async () => {
  await sluice.finish()
  await origin.close()
  files.remove()
})

const tokensFor = (path: string) =>
  origin.requests
    .filter(({ target }) => target === path)
    .map((seen) => seen.header('authorization'))

function replace(text: string): void {
  writeFileSync(join(files.directory, 'next'), text)
  renameSync(join(files.directory, 'next'), tokenPath)
}

it('is sent it in place of what clients send, and what it answers is for all of them', async () => {
  origin.put('/a', { body: 'a', fields: FRESH })
  const headers = { Authorization: 'Bearer of-a-client' }
  expect((await httpGet(`${sluice.url}/a`, { headers })).body.toString()).toBe('a')
  expect((await httpGet(`${sluice.url}/a`)).header('cache-status')).toMatch(/; hit/)
  expect(tokensFor('/a')).toEqual(['Bearer first.token'])
  await expect.poll(() => tokensFor('/healthz')).toContain('Bearer first.token')
})

it('is sent the new one soon after the file was replaced, and the old one while it is no token', async () => {
  replace('not a token: two words')
  await expect.poll(() => sluice.lines.some((line) => line.includes('credentials-kept'))).toBe(true)
  replace('second.token')
  await expect.poll(() => tokensFor('/healthz').at(-1)).toBe('Bearer second.token')
  expect(new Set(tokensFor('/healthz'))).toEqual(
    new Set(['Bearer first.token', 'Bearer second.token']),
  )
})
