// A browser that plays and seeks what comes through the real process.

import { createHash } from 'node:crypto'

import type { Browser, Page, Response } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { launchChromium } from '../support/chromium.ts'
import { describeWith } from '../support/programs.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const SAMPLES_PER_SECOND = 44_100
const CHANNEL_COUNT = 2
const SECONDS = 120
const WAV_HEAD_BYTES = 44
const FRESH = ['Cache-Control', 'max-age=3600'] as const
const PAGE = `<!doctype html>
<title>Tone</title>
<audio id="tone" src="/tone.wav" preload="metadata" controls></audio>
`
/** A tone whose pitch rises, so that no two seconds are alike; PCM of 16 bits, which needs no codec. */
function makeWav(): Buffer {
  const frameCount = SAMPLES_PER_SECOND * SECONDS
  const dataBytes = frameCount * CHANNEL_COUNT * 2
  const wav = Buffer.alloc(WAV_HEAD_BYTES + dataBytes)
  wav.write('RIFF', 0, 'latin1')
  wav.writeUInt32LE(WAV_HEAD_BYTES - 8 + dataBytes, 4)
  wav.write('WAVEfmt ', 8, 'latin1')
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(CHANNEL_COUNT, 22)
  wav.writeUInt32LE(SAMPLES_PER_SECOND, 24)
  wav.writeUInt32LE(SAMPLES_PER_SECOND * CHANNEL_COUNT * 2, 28)
  wav.writeUInt16LE(CHANNEL_COUNT * 2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36, 'latin1')
  wav.writeUInt32LE(dataBytes, 40)
  const samples = new Int16Array(wav.buffer, wav.byteOffset + WAV_HEAD_BYTES, dataBytes / 2)
  for (let frame = 0; frame < frameCount; frame += 1) {
    const seconds = frame / SAMPLES_PER_SECOND
    const sample = Math.round(8000 * Math.sin(2 * Math.PI * (220 + seconds) * seconds))
    samples.fill(sample, frame * CHANNEL_COUNT, (frame + 1) * CHANNEL_COUNT)
  }
  return wav
}

/** The element is asked in the page. */
function duration(page: Page): Promise<number> {
  return page.evaluate(`(async () => {
    const tone = document.getElementById('tone')
    if (tone.readyState < 1) await new Promise((done) => tone.addEventListener('loadedmetadata', done))
    return tone.duration
  })()`)
}

/** Seeks, plays until the time has moved on, pauses, and tells both times. */
function seekAndPlay(page: Page, seconds: number): Promise<{ sought: number; played: number }> {
  return page.evaluate(`(async () => {
    const tone = document.getElementById('tone')
    const failed = new Promise((_, fail) => tone.addEventListener('error', () => fail(tone.error)))
    const sought = new Promise((done) => tone.addEventListener('seeked', done, { once: true }))
    tone.currentTime = ${seconds}
    await Promise.race([sought, failed])
    const from = tone.currentTime
    await tone.play()
    while (tone.currentTime < from + 0.2) {
      await Promise.race([new Promise((done) => setTimeout(done, 20)), failed])
    }
    tone.pause()
    return { sought: from, played: tone.currentTime }
  })()`)
}

interface Fetched {
  readonly status: number
  readonly contentRange: string
  readonly countBytes: number
  readonly digest: string
}

function fetchInPage(page: Page, range: string): Promise<Fetched> {
  return page.evaluate(`(async () => {
    const headers = { range: ${JSON.stringify(range)} }
    // The browser has a cache of its own, which is not what is tested here.
    const response = await fetch('/tone.wav', { headers, cache: 'no-store' })
    const bytes = await response.arrayBuffer()
    const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
    return {
      status: response.status,
      contentRange: response.headers.get('content-range'),
      countBytes: bytes.byteLength,
      digest: [...sum].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    }
  })()`)
}

describeWith(['chromium'], 'Chromium through sluice', () => {
  const wav = makeWav()
  let origin: TestOrigin
  let sluice: SluiceProcess
  let browser: Browser
  let page: Page
  const media: Response[] = []

  beforeAll(async () => {
    origin = await startTestOrigin()
    origin.put('/tone.wav', { body: wav, fields: [['Content-Type', 'audio/wav'], FRESH] })
    origin.put('/', { body: PAGE, fields: [['Content-Type', 'text/html; charset=utf-8'], FRESH] })
    sluice = await startSluice(['--origin', origin.url])
    browser = await launchChromium()
    page = await browser.newPage()
    page.on('response', (response) => {
      if (response.url().endsWith('/tone.wav')) media.push(response)
    })
    await page.goto(`${sluice.url}/`)
  })

  afterAll(async () => {
    await browser?.close()
    await sluice?.finish()
    await origin?.close()
  })

  it('knows how long the sound is', async () => {
    expect(await duration(page)).toBeCloseTo(SECONDS, 3)
  })

  it.each([0, SECONDS * 0.75, SECONDS - 2, SECONDS / 2, 1])(
    'seeks to second %d and plays on from there',
    async (seconds) => {
      const { sought, played } = await seekAndPlay(page, seconds)
      expect(sought).toBeCloseTo(seconds, 1)
      expect(played).toBeGreaterThan(seconds + 0.19)
      expect(played).toBeLessThan(seconds + 2)
    },
  )

  it('asked for ranges of the sound, and was given 206 for each', () => {
    expect(media.length).toBeGreaterThan(1)
    expect(new Set(media.map((response) => response.status()))).toEqual(new Set([206]))
    const starts = media.map((response) => response.headers()['content-range'] ?? '')
    expect(starts.some((range) => !range.startsWith('bytes 0-'))).toBe(true)
  })

  it.each([
    ['bytes=0-43', 0, 44],
    ['bytes=1048570-1048590', 1_048_570, 1_048_591],
    ['bytes=5000000-8999999', 5_000_000, 9_000_000],
    ['bytes=20000000-', 20_000_000, wav.length],
    ['bytes=-3000000', wav.length - 3_000_000, wav.length],
  ])('fetches %s in the page, byte for byte', async (range, startByte, endByte) => {
    const bytes = wav.subarray(startByte, endByte)
    expect(await fetchInPage(page, range)).toEqual({
      status: 206,
      contentRange: `bytes ${startByte}-${endByte - 1}/${wav.length}`,
      countBytes: bytes.length,
      digest: createHash('sha256').update(bytes).digest('hex'),
    })
  })

  it('is served by the cache in the end: nothing left the origin twice', async () => {
    origin.resetCounters()
    await fetchInPage(page, 'bytes=0-')
    const whole = origin.counters()
    expect(whole.bodyBytes).toBeLessThanOrEqual(wav.length)
    await fetchInPage(page, 'bytes=0-')
    expect(origin.counters()).toEqual(whole)
  })
})
