// Clients of a proxy whose disk fails: whatever happens there, each gets the right bytes and no error.

import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

import { concurrently } from './concurrently.ts'
import { httpGet } from './http-get.ts'
import { checkOracle } from './oracle.ts'
import { sendPurge } from './purge-call.ts'
import type { SeededRandom } from './seeded-random.ts'
import { createSeededRandom } from './seeded-random.ts'
import type { SluiceOptions, SluiceProcess } from './sluice-process.ts'
import { startSluice } from './sluice-process.ts'
import type { TestOrigin } from './test-origin.ts'

const FRESH = [['Cache-Control', 'max-age=3600']] as const
const KIB = 1024
/** Only so many purges a second are taken. */
const RETRY_MS = 200

export interface DiskClients {
  /** What was not as it must be, for whom; empty is right. */
  readonly problems: string[]
  readonly responseCount: number
  /** Answers that came from what is stored. */
  readonly hitCount: number
  /** Objects that the origin has from now on, of these sizes. */
  put(paths: readonly string[], sizeBytes: number | ((path: string) => number)): void
  /** Fetches each once, so many at a time. */
  fetchAll(sluice: SluiceProcess, paths: readonly string[], maxCount?: number): Promise<void>
  /** So many requests of any of the objects, one in three of a part. */
  fetchAny(sluice: SluiceProcess, paths: readonly string[], count: number): Promise<void>
  /** How many of them are stored: asked for in a way that nothing is fetched (RFC 9111 §5.2.1.7). */
  storedCount(sluice: SluiceProcess, paths: readonly string[]): Promise<number>
  /**
   * A new version at the origin, then a purge, after which the old version is wrong.
   *
   * @param status Of its answer; 500 where the disk cannot keep it.
   */
  purge(sluice: SluiceProcess, path: string, status?: 200 | 500): Promise<void>
  end(): void
}

interface KnownObject {
  readonly sizeBytes: number
  /** The oldest that may still be answered with. */
  version: number
}

/** Memory and segments so small that nearly all that is served comes from disk. */
export async function startOnDisk(
  origin: TestOrigin,
  disk: string,
  flags: readonly string[] = [],
  options: SluiceOptions = {},
): Promise<SluiceProcess> {
  const tiers = ['--memory', '2MiB', '--segment', '64KiB', '--disk', disk, '--disk-size', '64MiB']
  const drain = ['--drain-delay', '0s']
  return startSluice(['--origin', origin.url, ...tiers, ...drain, ...flags], options)
}

export function createDiskClients(origin: TestOrigin, seed: number): DiskClients {
  const random = createSeededRandom(seed)
  const objects = new Map<string, KnownObject>()
  const problems: string[] = []
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  let [responseCount, hitCount] = [0, 0]

  async function fetchOne(sluice: SluiceProcess, path: string, isPart: boolean): Promise<void> {
    const object = objects.get(path) ?? { sizeBytes: 0, version: 1 }
    const { sizeBytes, version } = object
    const { startByte, endByte } = isPart
      ? aPart(random, sizeBytes)
      : { startByte: 0, endByte: sizeBytes }
    const range = isPart ? { range: `bytes=${startByte}-${endByte - 1}` } : {}
    responseCount++
    try {
      const got = await httpGet(`${sluice.url}${path}`, { ...range, agent, timeoutMs: 30_000 })
      const cache = got.header('cache-status') ?? ''
      if (cache.includes('; hit')) hitCount++
      const said = `${path} ${startByte}-${endByte}: ${got.status}, ${cache}`
      if (got.status !== (isPart ? 206 : 200))
        problems.push(`${said}: ${got.body.toString().slice(0, 200)}`)
      else if (!got.complete)
        problems.push(`${said}: ${got.bodyBytes} bytes, ${got.error?.message}`)
      else {
        const wrong = checkOracle(got.body, { object: path, version, startByte, endByte })
        if (wrong !== undefined) problems.push(`${said}: ${wrong}`)
      }
    } catch (error) {
      problems.push(`${path}: no answer: ${String(error)}`)
    }
  }

  return {
    problems,
    get responseCount() {
      return responseCount
    },
    get hitCount() {
      return hitCount
    },
    put(paths, size) {
      for (const path of paths) {
        const sizeBytes = typeof size === 'number' ? size : size(path)
        objects.set(path, { sizeBytes, version: 1 })
        origin.put(path, { sizeBytes, fields: FRESH, version: 1 })
      }
    },
    async fetchAll(sluice, paths, maxCount = 8) {
      await concurrently(paths, maxCount, (path) => fetchOne(sluice, path, false))
    },
    async fetchAny(sluice, paths, count) {
      const chosen = Array.from({ length: count }, () => random.pick(paths))
      await concurrently(chosen, 8, (path) => fetchOne(sluice, path, random.chance(1 / 3)))
    },
    async storedCount(sluice, paths) {
      const headers = { 'Cache-Control': 'only-if-cached' }
      let count = 0
      await concurrently(paths, 8, async (path) => {
        const { status } = await httpGet(`${sluice.url}${path}`, { headers, agent })
        if (status === 200) count++
      })
      return count
    },
    async purge(sluice, path, expected = 200) {
      const object = objects.get(path)
      if (object === undefined) throw new Error(`Cannot purge "${path}": there is none`)
      const { sizeBytes } = object
      object.version++
      origin.put(path, { sizeBytes, fields: FRESH, version: object.version })
      const asked = { url: `${sluice.url}${path}`, how: 'hard' }
      let { status, body } = await sendPurge(sluice.adminUrl, asked)
      while (status === 429) {
        await sleep(RETRY_MS)
        ;({ status, body } = await sendPurge(sluice.adminUrl, asked))
      }
      if (status !== expected) problems.push(`purge of ${path}: ${status}, ${body.toString()}`)
    },
    end: () => agent.destroy(),
  }
}

/** Sizes from a few bytes to a few segments. */
export function mixedSizes(seed: number): () => number {
  const random = createSeededRandom(seed)
  return () => random.pick([1, 999, 20 * KIB, 64 * KIB, 100 * KIB, 300 * KIB])
}

export function pathsOf(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `/${name}/${index}`)
}

function aPart(random: SeededRandom, sizeBytes: number) {
  const startByte = random.integer(0, sizeBytes - 1)
  return { startByte, endByte: random.integer(startByte + 1, sizeBytes) }
}
