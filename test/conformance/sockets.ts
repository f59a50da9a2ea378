// The world of sockets: the process as its users start it, an origin over real HTTP, and the real clock.

import { setTimeout as sleep } from 'node:timers/promises'

import { createConfigFiles } from '../support/config-file.ts'
import { rawRequest } from '../support/raw-client.ts'
import type { ParsedHead, ParsedResponse } from '../support/raw-response.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { Case, Policy, SiteSettings } from './case.ts'
import type { RawOrigin } from './raw-origin.ts'
import { startRawOrigin } from './raw-origin.ts'
import type { Got, OpenStage, Request } from './run-case.ts'

export interface SocketWorld {
  stage(test: Case): OpenStage
  finish(): Promise<void>
}

/** How long a request behind an answer may take to reach the origin; more than it ever takes. */
const REACH_MS = 2000
/** From there until what the origin answers is stored. */
const SETTLE_MS = 100
/** A busy machine is no fault of the cache. */
const SLACK_SECONDS = 5
/** Within it, requests sent at the same time have all reached the process. */
const TURN_MS = 400

/** One process for all cases of a policy; what they want set otherwise is a site of its own, by path. */
export async function startSocketWorld(
  policy: Policy,
  cases: readonly Case[],
  flags: readonly string[],
): Promise<SocketWorld> {
  const origin = await startRawOrigin()
  const files = createConfigFiles()
  const prefixes = sitePrefixes(cases)
  const sites = [...prefixes].map(([settings, pathPrefix], i) => ({
    name: `site-${i}`,
    pathPrefix,
    origins: [`http://127.0.0.1:${origin.port}`],
    ...(JSON.parse(settings) as SiteSettings),
  }))
  const sluice = await startSluice([
    // Each answer that a case gives is for one request.
    `--config=${files.write('conformance.json', { sites, limits: { originAttempts: 1 } })}`,
    `--policy=${policy}`,
    '--methods=all',
    '--forward=all',
    '--breaker=off',
    '--log-level=error',
    ...flags,
  ])
  return {
    stage: (test) => socketStage(test, prefixes.get(settingsText(test)) ?? '/', sluice, origin),
    async finish() {
      await sluice.finish()
      await origin.close()
      files.remove()
    },
  }
}

function sitePrefixes(cases: readonly Case[]): ReadonlyMap<string, string> {
  const prefixes = new Map<string, string>([['{}', '/']])
  for (const test of cases) {
    const text = settingsText(test)
    if (!prefixes.has(text)) prefixes.set(text, `/site-${prefixes.size}/`)
  }
  return prefixes
}

function settingsText({ site = {} }: Case): string {
  return JSON.stringify(site)
}

function socketStage(
  test: Case,
  prefix: string,
  sluice: SluiceProcess,
  origin: RawOrigin,
): OpenStage {
  return (script) => {
    const path = prefix + test.id
    origin.play(path, script)
    return {
      path,
      nowMs: () => Date.now(),
      slackSeconds: SLACK_SECONDS,
      wait: (seconds) => sleep(seconds * 1000),
      request: (request) => ask(sluice.port, request),
      async settled(asked) {
        if (asked === undefined) return
        await Promise.race([asked, sleep(REACH_MS)])
        await sleep(SETTLE_MS)
      },
      turn: () => sleep(TURN_MS),
    }
  }
}

async function ask(port: number, { method, target, lines }: Request): Promise<Got> {
  const fields = headLines(['Host', 'edge.test', ...lines])
  const framing = /^(?:GET|HEAD|OPTIONS)$/.test(method) ? '' : 'Content-Length: 0\r\n'
  const result = await rawRequest({
    port,
    bytes: `${method} ${target} HTTP/1.1\r\n${fields}${framing}\r\n`,
    methods: [method],
  })
  const [response] = result.responses
  if (response === undefined) {
    throw new Error(
      `Cannot get an answer to ${method} ${target}: ${result.problem ?? result.ended}`,
    )
  }
  return gotOf(response)
}

function headLines(lines: readonly string[]): string {
  let text = ''
  for (let i = 0; i < lines.length; i += 2) text += `${lines[i]}: ${lines[i + 1]}\r\n`
  return text
}

function gotOf(response: ParsedResponse): Got {
  return {
    status: response.status,
    lines: linesOf(response),
    body: response.body.toString('latin1'),
    isComplete: response.complete,
    interim: response.interim.map((head) => ({ status: head.status, lines: linesOf(head) })),
  }
}

function linesOf({ fields }: ParsedHead): readonly string[] {
  return fields.flatMap(([name, value]) => [name.toLowerCase(), value])
}
