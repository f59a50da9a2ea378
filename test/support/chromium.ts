import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'

import { programPath } from './programs.ts'

/** Chromium's own services stay silent, and sound needs no gesture and no device. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  '--mute-audio',
]

/** The machine's own Chromium, without a window. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: programPath('chromium') ?? '', args: ARGS })
}
