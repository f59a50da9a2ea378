// An origin that tells what it was asked for, and nginx as a cache of cold objects in both of its ways.

import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { oracleBytes } from '../test/support/oracle.ts'
import type { Peer } from './peers.ts'
import { LOAD_CORE, SERVER_CORE, startNginxWith } from './peers.ts'

const MIB = 1024 * 1024

export interface ColdOrigin extends Peer {
  /**
   * Gives the transfers since the last time of which the target has the text in it, when they have ended:
   * waits for the first one, if one is expected, and then until no more end.
   */
  transfers(text: string, isExpected?: boolean): Promise<Transfers>
}

export interface Transfers {
  readonly count: number
  readonly bytes: number
}

/** Serves files of these sizes, whose bytes are the oracle's, version 1, by their paths. */
export async function startColdOrigin(
  directory: string,
  files: Readonly<Record<string, number>>,
): Promise<ColdOrigin> {
  const root = join(directory, 'files')
  mkdirSync(root, { recursive: true })
  // What is asked for to see whether a server answers.
  writeFileSync(join(root, '1k.bin'), Buffer.alloc(1024))
  for (const [path, sizeBytes] of Object.entries(files))
    writeOracle(join(root, path), path, sizeBytes)
  const log = join(directory, 'origin-transfers.log')
  const config = (port: number) => `
    log_format transfers '$request_uri $body_bytes_sent';
    access_log ${log} transfers;
    keepalive_requests 100000;
    server {
      listen 127.0.0.1:${port} backlog=1024;
      root ${root};
      location / { add_header Cache-Control "max-age=3600"; }
    }`
  const origin = await startNginxWith('origin', directory, LOAD_CORE, config)
  const seen = { lineCount: 0 }
  return {
    ...origin,
    async transfers(text, isExpected = true) {
      const lines = await settled(log, seen.lineCount + (isExpected ? 1 : 0))
      const fresh = lines.slice(seen.lineCount).filter((line) => line.includes(text))
      seen.lineCount = lines.length
      const bytes = fresh.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)
      return { count: fresh.length, bytes }
    },
  }
}

/** nginx writes a line when a transfer has ended: quiet for so long, nothing is under way. */
const QUIET_MS = 1000
const PATIENCE_MS = 30_000
const POLL_MS = 50

async function settled(log: string, minCount: number): Promise<readonly string[]> {
  const outOfTimeAtMs = performance.now() + PATIENCE_MS
  let lines: readonly string[] = []
  let quietSinceMs = performance.now()
  for (;;) {
    const now = readFileSync(log, 'utf8').split('\n').filter(Boolean)
    if (now.length > lines.length || now.length < minCount) quietSinceMs = performance.now()
    lines = now
    const isQuiet = performance.now() - quietSinceMs > QUIET_MS
    if (isQuiet || performance.now() > outOfTimeAtMs) return lines
    await sleep(POLL_MS)
  }
}

function writeOracle(path: string, object: string, sizeBytes: number): void {
  mkdirSync(dirname(path), { recursive: true })
  const file = openSync(path, 'w')
  for (let startByte = 0; startByte < sizeBytes; startByte += 16 * MIB) {
    const endByte = Math.min(sizeBytes, startByte + 16 * MIB)
    writeSync(file, oracleBytes({ object, version: 1, startByte, endByte }))
  }
  closeSync(file)
}

/**
 * nginx as a cache on disk (page cache), one worker, collapsing by its lock, with time enough that nobody
 * gives up waiting for it. The query is part of the key, as it is by default.
 *
 * @param how `slice`: by the slice module, 1 MiB each; `whole`: a miss fetches the whole object.
 */
export function startColdNginx(
  directory: string,
  originPort: number,
  how: 'slice' | 'whole',
): Promise<Peer> {
  const name = `nginx-${how}`
  const fetching =
    how === 'whole'
      ? 'proxy_cache_key $uri$is_args$args;'
      : `slice 1m;
         proxy_cache_key $uri$is_args$args$slice_range;
         proxy_set_header Range $slice_range;`
  const config = (port: number) => `
    access_log ${directory}/${name}-access.log combined buffer=64k flush=1s;
    proxy_cache_path ${directory}/${name}-cache levels=1:2 keys_zone=cache:10m max_size=16g
      inactive=1h use_temp_path=off;
    upstream origin { server 127.0.0.1:${originPort}; keepalive 128; keepalive_requests 100000; }
    server {
      listen 127.0.0.1:${port} backlog=4096;
      keepalive_requests 1000;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
      proxy_cache cache;
      proxy_cache_valid 200 206 1h;
      proxy_cache_lock on; proxy_cache_lock_timeout 120s; proxy_cache_lock_age 120s;
      proxy_read_timeout 120s; send_timeout 20s;
      location / { ${fetching} proxy_pass http://origin; }
    }`
  return startNginxWith(name, directory, SERVER_CORE, config)
}
