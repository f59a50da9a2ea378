// Sites as a configuration makes them, for tests of what the settings of a running process decide.

import { configSchema, sitesOf } from '#config'
import type { ConfigInput } from '#config'
import type { Site } from '#core/flow/site.ts'
import type { Upstream } from '#core/ports/upstream.ts'

import { compileSite } from '../../src/sites.ts'

const ORIGIN = 'http://origin.test'

/** One origin for all; `input` is what a configuration file would say. */
export function compiledSites(input: ConfigInput, upstream: Upstream): readonly Site[] {
  const config = configSchema.parse(input)
  const fallback = { kind: 'http', url: new URL(ORIGIN) } as const
  return sitesOf(config, fallback).map((site) => compileSite(config, site, upstream))
}
