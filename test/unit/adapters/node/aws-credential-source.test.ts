// Credentials that change while they are used: real files, real programs, a stepped clock.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { FlowEvent } from '#core/ports/request-scope.ts'
import { createCredentialSource } from '../../../../src/adapters/node/aws-credential-source.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'

const HOUR_MS = 3_600_000

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-aws-'))
  path = join(directory, 'credentials')
})
afterEach(() => rmSync(directory, { recursive: true }))

function profile(accessKeyId: string): string {
  return `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = secret\n`
}

function createFixture(environment: Readonly<Record<string, string>> = {}) {
  const clock = createSteppedClock()
  const events: FlowEvent[] = []
  const source = createCredentialSource({
    environment: { AWS_SHARED_CREDENTIALS_FILE: path, ...environment },
    clock,
    record: (event) => events.push(event),
  })
  return { clock, events, idNow: async () => (await source())?.accessKeyId }
}

const told = () => join(directory, 'told.json')
const runs = () => join(directory, 'runs')

/** A program that tells what is in a file, and counts its runs. */
function writeProgram(): void {
  const command = `echo run >> ${runs()}; cat ${told()}`
  writeFileSync(path, `[default]\ncredential_process = ${command}\n`)
}

function tell(AccessKeyId: string, expiresAtMs?: number): void {
  const Expiration = expiresAtMs === undefined ? undefined : new Date(expiresAtMs).toISOString()
  const SecretAccessKey = 'secret'
  writeFileSync(told(), JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, Expiration }))
}

const runCount = () => readFileSync(runs(), 'utf8').split('\n').length - 1

describe('the shared file', () => {
  it('is read again when it has changed, and looked at once in a second', async () => {
    writeFileSync(path, profile('first'))
    const { clock, idNow } = createFixture()
    expect(await idNow()).toBe('first')
    writeFileSync(path, profile('second'))
    expect(await idNow()).toBe('first')
    await clock.step(1000)
    expect(await idNow()).toBe('second')
  })

  it.each([
    ['is half written', () => writeFileSync(path, '[default]\naws_access_key_id = new\n')],
    ['is empty', () => writeFileSync(path, '')],
    ['is taken away', () => rmSync(path)],
  ])('is no reason to forget what was in it when it %s', async (_, change) => {
    writeFileSync(path, profile('first'))
    const { clock, events, idNow } = createFixture()
    change()
    await clock.step(1000)
    expect(await idNow()).toBe('first')
    expect(events.map(({ kind }) => kind)).toEqual(['credentials-kept'])
    // Told once, and whole again it is used.
    await clock.step(5000)
    await idNow()
    expect(events).toHaveLength(1)
    writeFileSync(path, profile('second'))
    await clock.step(1000)
    expect(await idNow()).toBe('second')
  })

  it('does not count where the environment has credentials', async () => {
    writeFileSync(path, profile('file'))
    const own = { AWS_ACCESS_KEY_ID: 'own', AWS_SECRET_ACCESS_KEY: 'secret' }
    const { clock, idNow } = createFixture(own)
    writeFileSync(path, profile('other'))
    await clock.step(1000)
    expect(await idNow()).toBe('own')
  })
})

describe('a program of the profile', () => {
  it('is run when credentials are wanted, once for all who want them', async () => {
    writeProgram()
    tell('first')
    const { idNow } = createFixture()
    expect(await Promise.all([idNow(), idNow(), idNow()])).toEqual(['first', 'first', 'first'])
    expect(runCount()).toBe(1)
  })

  it('is run again before they expire, and nobody waits for that', async () => {
    writeProgram()
    const { clock, idNow } = createFixture()
    tell('first', clock.nowMs() + HOUR_MS)
    expect(await idNow()).toBe('first')
    tell('second', clock.nowMs() + 2 * HOUR_MS)
    await clock.step(HOUR_MS - 10 * 60_000)
    expect(await idNow()).toBe('first')
    expect(runCount()).toBe(1)
    await clock.step(6 * 60_000)
    expect(await idNow()).toBe('first')
    await expect.poll(idNow).toBe('second')
    expect(runCount()).toBe(2)
  })

  it('that fails leaves the old ones in use, and rests', async () => {
    writeProgram()
    const { clock, events, idNow } = createFixture()
    tell('first', clock.nowMs() + HOUR_MS)
    await idNow()
    writeFileSync(told(), 'no JSON')
    await clock.step(HOUR_MS - 60_000)
    expect(await idNow()).toBe('first')
    await expect.poll(() => events.map(({ kind }) => kind)).toEqual(['credentials-kept'])
    for (let i = 0; i < 10; i++) expect(await idNow()).toBe('first')
    expect(runCount()).toBe(2)
  })

  it('that never told any is an error of the request', async () => {
    writeProgram()
    writeFileSync(told(), '{}')
    const { idNow } = createFixture()
    await expect(idNow()).rejects.toThrow('AccessKeyId')
    await expect(idNow()).rejects.toThrow('has failed')
  })
})
