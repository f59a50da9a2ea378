// A browser that seeks in a video while the connection of the origin is cut twice, and never learns of it.

import { createHash } from 'node:crypto'

import type { Browser, Page, Request } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { launchChromium } from '../support/chromium.ts'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import type { CuttingProxy } from '../support/cutting-proxy.ts'
import { describeWith } from '../support/programs.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { AccessRecord, SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { WEBM_COLOURS, makeWebm } from '../support/webm.ts'

const SECONDS = 120
const BYTES_PER_SECOND = 400_000
/** Of one response of the origin, before it is cut: less than any has that is asked for. */
const CUT_AFTER_BYTES = 700_000
const PATIENCE_MS = 60_000
const FRESH = ['Cache-Control', 'max-age=3600'] as const
const PAGE = `<!doctype html>
<title>Colours</title>
<video id="colours" src="/colours.webm" preload="metadata" muted></video>
`

/** What stands for the browser's own words when a seek makes it leave a request. */
const LEFT = 'net::ERR_ABORTED'
/** And for ours. */
const GONE = 'client is gone'

interface Visit {
  readonly page: Page
  /** What it asked for of the video, in order. */
  readonly ranges: readonly string[]
  /** Why requests for the video failed. */
  readonly failures: readonly string[]
}

/**
 * Seeks into a second and plays on into the next.
 *
 * @returns Which colours were shown, by their place in the list; what is painted may lag behind, so a
 *   colour that is not the right one is looked at again for some seconds.
 */
function seekAndPlay(page: Page, second: number): Promise<readonly number[]> {
  return page.evaluate(`(async () => {
    const video = document.getElementById('colours')
    const colours = ${JSON.stringify(WEBM_COLOURS)}
    const failed = new Promise((_, fail) => video.addEventListener('error', () => fail(video.error)))
    const wait = (ms) => Promise.race([new Promise((done) => setTimeout(done, ms)), failed])
    const shown = () => {
      const canvas = new OffscreenCanvas(1, 1).getContext('2d')
      canvas.drawImage(video, 0, 0, 1, 1)
      const { data } = canvas.getImageData(0, 0, 1, 1)
      const distances = colours.map((colour) =>
        colour.reduce((sum, value, i) => sum + Math.abs(value - data[i]), 0))
      return distances.indexOf(Math.min(...distances))
    }
    const untilShown = async (second) => {
      for (let i = 0; i < 500 && shown() !== second % colours.length; i += 1) await wait(10)
      return shown()
    }
    const sought = new Promise((done) => video.addEventListener('seeked', done, { once: true }))
    video.currentTime = ${second + 0.5}
    await Promise.race([sought, failed])
    const before = await untilShown(${second})
    await video.play()
    while (video.currentTime < ${second + 1.2}) await wait(10)
    video.pause()
    return [before, await untilShown(${second + 1})]
  })()`)
}

/** The whole file as the page gets it. The browser's own cache has nothing of it: each visit has its own. */
function digestInPage(page: Page, path: string): Promise<string> {
  return page.evaluate(`(async () => {
    const response = await fetch('${path}')
    const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', await response.arrayBuffer()))
    return [...sum].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  })()`)
}

async function seekThrough(page: Page, seconds: readonly number[]): Promise<void> {
  for (const second of seconds) {
    const expected = [second % WEBM_COLOURS.length, (second + 1) % WEBM_COLOURS.length]
    expect(await seekAndPlay(page, second), `at ${second} s`).toEqual(expected)
  }
}

function isVideo(request: Request): boolean {
  return request.url().endsWith('/colours.webm')
}

describeWith(['chromium'], 'Chromium, with the origin cut twice', () => {
  const video = makeWebm({ seconds: SECONDS, bytesPerSecond: BYTES_PER_SECOND })
  const digest = createHash('sha256').update(video).digest('hex')
  let origin: TestOrigin
  let cuts: CuttingProxy
  let sluice: SluiceProcess
  let browser: Browser

  beforeAll(async () => {
    origin = await startTestOrigin()
    const webm = [['Content-Type', 'video/webm'], FRESH] as const
    origin.put('/colours.webm', { body: video, fields: webm })
    origin.put('/copy.webm', { body: video, fields: webm })
    origin.put('/', { body: PAGE, fields: [['Content-Type', 'text/html'], FRESH] })
    origin.put('/favicon.ico', { body: '', fields: [FRESH] })
    cuts = await startCuttingProxy(origin.port)
    sluice = await startSluice(['--origin', cuts.url])
    browser = await launchChromium()
  })

  afterAll(async () => {
    await browser?.close()
    await sluice?.finish()
    await cuts?.close()
    await origin?.close()
  })

  /** A browser that has seen nothing yet, at the page. */
  async function visit(): Promise<Visit> {
    const context = await browser.newContext()
    const page = await context.newPage()
    const ranges: string[] = []
    const failures: string[] = []
    page.on('request', (request) => {
      if (isVideo(request)) ranges.push(request.headers()['range'] ?? '')
    })
    page.on('requestfailed', (request) => {
      const { errorText = '' } = request.failure() ?? {}
      if (isVideo(request) && errorText !== LEFT) failures.push(errorText)
    })
    await page.goto(`${sluice.url}/`)
    return { page, ranges, failures }
  }

  /** Answers that ended otherwise than by the browser's own wish. */
  async function brokenOff(): Promise<readonly AccessRecord[]> {
    const lines = await sluice.untilAccess(1, ({ target }) => target.endsWith('.webm'))
    return lines.filter(({ error = GONE }) => error !== GONE)
  }

  async function resumedCount(): Promise<number> {
    return (await sluice.metrics()).value('sluice_events_total', { kind: 'resumed' })
  }

  it('shows each second it seeks to', { timeout: PATIENCE_MS }, async () => {
    cuts.arm(['fin'], CUT_AFTER_BYTES)
    const { page, ranges, failures } = await visit()
    await seekThrough(page, [3])
    expect(cuts.made.map(({ end }) => end)).toEqual(['fin'])
    cuts.arm(['rst'], CUT_AFTER_BYTES)
    await seekThrough(page, [90, 45, 117, 10, 61])
    expect(cuts.made.map(({ end }) => end)).toEqual(['rst'])
    expect(await resumedCount()).toBeGreaterThanOrEqual(2)
    expect(failures).toEqual([])
    expect(await brokenOff()).toEqual([])
    // It did ask for the places it was sent to, and not for everything before them.
    const starts = ranges.map((range) => Number(/^bytes=(\d+)-/.exec(range)?.[1]))
    expect(starts.filter((start) => start > 15 * BYTES_PER_SECOND).length).toBeGreaterThan(2)
  })

  it('fetches every byte with one request', { timeout: PATIENCE_MS }, async () => {
    const resumedBefore = await resumedCount()
    cuts.arm(['rst', 'fin'], CUT_AFTER_BYTES)
    const { page } = await visit()
    expect(await digestInPage(page, '/copy.webm')).toBe(digest)
    expect(cuts.made.map(({ end }) => end)).toEqual(['rst', 'fin'])
    expect((await resumedCount()) - resumedBefore).toBe(2)
    const lines = await sluice.untilAccess(1, ({ target }) => target === '/copy.webm')
    expect(lines).toMatchObject([{ status: 200, bytes: video.length }])
    // Of the other it has what the player asked for, and fetches what lies between.
    expect(await digestInPage(page, '/colours.webm')).toBe(digest)
  })

  it('seeks and fetches once more without the origin', { timeout: PATIENCE_MS }, async () => {
    origin.resetCounters()
    const { page, failures } = await visit()
    await seekThrough(page, [90, 45, 117, 10, 61])
    expect(await digestInPage(page, '/copy.webm')).toBe(digest)
    expect(failures).toEqual([])
    expect(await brokenOff()).toEqual([])
    expect(origin.requests.map(({ target }) => target)).toEqual([])
  })
})
