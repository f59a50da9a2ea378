// The systems that have to bear an outage: Sluice as it is, nginx and Varnish as who knows them would set them up for it.

import { execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  SERVER_CORE,
  answering,
  freePort,
  startNginxWith,
  startSluice,
  stopChild,
} from './peers.ts'
import type { Peer } from './peers.ts'

export interface OutageSystem {
  readonly name: string
  readonly program: 'node' | 'nginx' | 'varnishd'
  start(directory: string, originPort: number): Promise<Peer>
}

export const OUTAGE_SYSTEMS: readonly OutageSystem[] = [
  { name: 'Sluice', program: 'node', start: (...args) => startSluice(...args) },
  { name: 'nginx', program: 'nginx', start: startStaleNginx },
  { name: 'Varnish', program: 'varnishd', start: startVarnish },
]

export function isInstalled({ program }: OutageSystem): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/**
 * Whatever is stored is served while it is fetched anew in the background, and instead of any failure. With a single
 * server nginx ignores max_fails and fail_timeout: it stands here as it would be written, and is asked each time.
 */
function startStaleNginx(directory: string, originPort: number): Promise<Peer> {
  const config = (port: number) => `
    access_log ${directory}/nginx-access.log combined buffer=64k flush=1s;
    proxy_cache_path ${directory}/nginx-cache levels=1:2 keys_zone=cache:10m max_size=2g
      inactive=1d use_temp_path=off;
    upstream origin {
      server 127.0.0.1:${originPort} max_fails=5 fail_timeout=1s max_conns=256;
      keepalive 128;
      keepalive_requests 100000;
    }
    server {
      listen 127.0.0.1:${port} backlog=1024;
      keepalive_requests 1000000;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 2s;
      proxy_read_timeout 10s;
      proxy_cache cache;
      proxy_cache_key $uri;
      proxy_cache_lock on;
      proxy_cache_revalidate on;
      proxy_cache_background_update on;
      proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
      location / { proxy_pass http://origin; }
    }`
  return startNginxWith('nginx', directory, SERVER_CORE, config)
}

/**
 * Its probe is the default one, every five seconds and sick below three good ones of eight; only that it need not wait
 * for the first.
 */
async function startVarnish(directory: string, originPort: number): Promise<Peer> {
  const port = await freePort()
  const path = join(directory, 'outage.vcl')
  writeFileSync(
    path,
    `vcl 4.1;
     backend origin {
       .host = "127.0.0.1"; .port = "${originPort}"; .max_connections = 256;
       .connect_timeout = 2s; .first_byte_timeout = 10s; .between_bytes_timeout = 10s;
       .probe = { .url = "/alive"; .initial = 8; }
     }
     sub vcl_backend_response {
       # A failure in the background leaves what is stored as it is.
       if (beresp.status >= 500 && bereq.is_bgfetch) { return (abandon); }
       if (beresp.http.Cache-Control !~ "no-store") { set beresp.grace = 24h; set beresp.keep = 24h; }
     }`,
  )
  const args = ['-F', '-j', 'none', '-n', join(directory, 'varnish'), '-f', path]
  const where = ['-a', `127.0.0.1:${port}`, '-s', 'malloc,256m']
  const child = spawn('taskset', ['-c', SERVER_CORE, 'varnishd', ...args, ...where], {
    // Where all is well it says so on stderr.
    stdio: 'ignore',
  })
  await answering(port)
  return { name: 'Varnish', port, pid: child.pid ?? 0, directory, stop: () => stopChild(child) }
}
