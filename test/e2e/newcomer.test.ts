// What somebody does first: clone, install, `npm start`.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { httpGet } from '../support/http-get.ts'
import { describeWith, programPath } from '../support/programs.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FLAGS = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--disk', 'off']
const READY = /sluice listening on (http:\S+), admin on (http:\S+), origin (\S+?)"?[},]*$/
const START_MS = 20_000

/** What it says from now on is added to `lines`. */
async function untilReady(child: ChildProcess, lines: string[]): Promise<RegExpExecArray> {
  const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
  const giveUp = (): void => reject(new Error(`Cannot start: ${lines.join('\n')}`))
  const timer = setTimeout(giveUp, START_MS)
  child.once('close', giveUp)
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      const ready = READY.exec(line)
      if (ready !== null) resolve(ready)
    })
  }
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

describeWith(['npm'], 'npm start', () => {
  let child: ChildProcess
  let url = ''
  let adminUrl = ''
  let origin = ''
  const lines: string[] = []

  beforeAll(async () => {
    // A group of its own, as a terminal has: Ctrl-C there reaches npm, its shell and sluice alike.
    child = spawn(programPath('npm') ?? '', ['start', '--', ...FLAGS], {
      cwd: ROOT,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    ;[, url = '', adminUrl = '', origin = ''] = await untilReady(child, lines)
  })

  afterAll(() => {
    const hasEnded = child.exitCode !== null || child.signalCode !== null
    if (child.pid === undefined || hasEnded) return
    process.kill(-child.pid, 'SIGKILL')
  })

  it('serves the sample directory', async () => {
    expect(origin).toMatch(/\/sample$/)
    const page = await httpGet(`${url}/`)
    expect(page.status).toBe(200)
    expect(page.header('content-type')).toMatch(/^text\/html/)
    expect(page.body).toEqual(await readFile(new URL('../../sample/index.html', import.meta.url)))
  })

  it('serves ranges of it, and from the cache the second time', async () => {
    const notes = await readFile(new URL('../../sample/notes.txt', import.meta.url))
    const first = await httpGet(`${url}/notes.txt`)
    expect(first.body).toEqual(notes)
    const part = await httpGet(`${url}/notes.txt`, { range: 'bytes=10-29' })
    expect(part.status).toBe(206)
    expect(part.body).toEqual(notes.subarray(10, 30))
    expect(part.header('cache-status')).toMatch(/sluice; (?:hit|fwd=stale; fwd-status=304)/)
  })

  it('is alive and ready, and says how it is', async () => {
    expect((await httpGet(`${adminUrl}/healthz`)).status).toBe(200)
    expect((await httpGet(`${adminUrl}/readyz`)).status).toBe(200)
    const metrics = await httpGet(`${adminUrl}/metrics`)
    expect(metrics.body.toString()).toMatch(/^sluice_/m)
  })

  it('ends with Ctrl-C, at once and in peace', async () => {
    const { pid } = child
    const ended = once(child, 'close')
    const atMs = performance.now()
    process.kill(-(pid ?? 0), 'SIGINT')
    // The pipes close when the last of the three has gone.
    await ended
    expect(performance.now() - atMs).toBeLessThan(3000)
    expect(lines.join('\n')).toMatch(/SIGINT: draining[^]*Stopped/)
    await expect(httpGet(url)).rejects.toThrow(/ECONNREFUSED/)
  })
})
