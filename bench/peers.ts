import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { FILES } from './classes.ts'

/** The measured server has this core for itself. */
export const SERVER_CORE = '0'
/** The load generator and the origin share the other. */
export const LOAD_CORE = '1'

export interface Peer {
  readonly name: string
  readonly port: number
  /** Of the process whose time is measured. */
  readonly pid: number
  readonly directory: string
  stop(): Promise<void>
}

/** A plain nginx that serves files; cacheable for an hour, below /pass/ never. */
export async function startOrigin(directory: string): Promise<Peer> {
  const root = join(directory, 'files')
  for (const [path, sizeBytes] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    const file = openSync(join(root, path), 'w')
    ftruncateSync(file, sizeBytes)
    closeSync(file)
  }
  const config = (port: number) => `
    access_log off;
    server {
      listen 127.0.0.1:${port};
      root ${root};
      location / { add_header Cache-Control "max-age=3600"; }
      location /pass/ { add_header Cache-Control "no-store"; }
    }`
  return startNginxWith('origin', directory, LOAD_CORE, config)
}

/**
 * nginx as a cache: one worker, proxy_cache on disk (page cache), the slice module for the large object.
 * tcp_nopush off: on loopback it stalls keep-alive hits on delayed acknowledgements.
 */
export function startNginx(directory: string, originPort: number): Promise<Peer> {
  const config = (port: number) => `
    access_log ${directory}/nginx-access.log combined buffer=64k flush=1s;
    proxy_cache_path ${directory}/nginx-cache levels=1:2 keys_zone=cache:10m max_size=2g
      inactive=1h use_temp_path=off;
    upstream origin { server 127.0.0.1:${originPort}; keepalive 128; keepalive_requests 100000; }
    server {
      listen 127.0.0.1:${port} backlog=1024;
      keepalive_requests 1000;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache cache;
      proxy_cache_valid 200 206 1h;
      location / { proxy_pass http://origin; add_header X-Cache $upstream_cache_status; }
      location = /100m.bin {
        slice 1m;
        proxy_cache_key $uri$slice_range;
        proxy_set_header Range $slice_range;
        proxy_pass http://origin;
      }
    }`
  return startNginxWith('nginx', directory, SERVER_CORE, config)
}

/** @param config What stands in the http block, given the port to listen on. */
export async function startNginxWith(
  name: string,
  directory: string,
  core: string,
  config: (port: number) => string,
): Promise<Peer> {
  const port = await freePort()
  const path = join(directory, `${name}.conf`)
  writeFileSync(
    path,
    `${process.getuid?.() === 0 ? 'user root;' : ''}
     worker_processes 1; daemon off; pid ${directory}/${name}.pid; error_log ${directory}/${name}.log;
     events { worker_connections 4096; }
     http {
       sendfile on; tcp_nopush off; tcp_nodelay on; open_file_cache max=1000 inactive=60s;
       types { } default_type application/octet-stream;
       client_body_temp_path ${directory}/${name}-body; proxy_temp_path ${directory}/${name}-proxy;
       fastcgi_temp_path ${directory}/${name}-f; uwsgi_temp_path ${directory}/${name}-u;
       scgi_temp_path ${directory}/${name}-s;
       ${config(port)}
     }`,
  )
  const child = spawn('taskset', ['-c', core, 'nginx', '-e', 'stderr', '-c', path], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await answering(port)
  return { name, port, pid: workerOf(child), directory, stop: () => stopChild(child) }
}

/** The one worker of an nginx master. */
function workerOf({ pid }: ChildProcess): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  // The cache manager and loader are its children too; the worker is the first.
  return Number(children[0])
}

/** @param flags Are given after the usual ones, and win. */
export async function startSluice(
  directory: string,
  originPort: number,
  flags: readonly string[] = [],
): Promise<Peer> {
  const port = await freePort()
  const log = openSync(join(directory, 'sluice-access.log'), 'w')
  const root = fileURLToPath(new URL('..', import.meta.url))
  const child = spawn(
    'taskset',
    [
      '-c',
      SERVER_CORE,
      process.execPath,
      '--external-memory-accounted-in-global-limit',
      'src/cli.ts',
      'serve',
      '--origin',
      `http://127.0.0.1:${originPort}`,
      '--listen',
      `127.0.0.1:${port}`,
      '--admin',
      'off',
      '--disk',
      join(directory, 'sluice-cache'),
      '--disk-size',
      '2GiB',
      '--log',
      'json',
      ...flags,
    ],
    { cwd: root, stdio: ['ignore', log, 'inherit'] },
  )
  await answering(port)
  return { name: 'Sluice', port, pid: child.pid ?? 0, directory, stop: () => stopChild(child) }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export async function answering(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/1k.bin`)
      await response.arrayBuffer()
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  throw new Error(`Cannot start: nothing answers on port ${port}`)
}

export function stopChild(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGINT')
  })
}
