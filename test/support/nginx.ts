// Debian's nginx as an origin server: a plain one that serves files from a directory.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { programPath } from './programs.ts'

export interface NginxRequest {
  readonly method: string
  /** As on the request line. */
  readonly target: string
  readonly status: number
  readonly bodyBytes: number
  /** Empty if it was not sent; so are the two below. */
  readonly range: string
  readonly ifNoneMatch: string
  readonly acceptEncoding: string
}

export interface Nginx {
  readonly url: string
  /** Writes a file below the directory that is served. */
  put(path: string, bytes: Uint8Array | string): Promise<void>
  /** Requests answered so far; nginx writes a line after the last byte, so a line may be late. */
  requests(): Promise<readonly NginxRequest[]>
  close(): Promise<void>
}

const START_MS = 5000
const POLL_MS = 10

/** @param locations What stands in the server block, such as `location /fresh/ { expires 1h; }`. */
export async function startNginx(locations: string): Promise<Nginx> {
  const path = programPath('nginx')
  if (path === undefined) throw new Error('Cannot start nginx: it is not installed')
  const directory = await mkdtemp(join(tmpdir(), 'sluice-nginx-'))
  const port = await freePort()
  const config = join(directory, 'nginx.conf')
  await mkdir(join(directory, 'files'))
  await writeFile(config, configOf(directory, port, locations))
  // Its errors before it reads the config would go to a log that only root may write.
  const args = ['-e', join(directory, 'error.log'), '-p', directory, '-c', config]
  const child = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const stderr: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  const ended = once(child, 'close')
  async function close(): Promise<void> {
    child.kill('SIGTERM')
    await ended
    await rm(directory, { recursive: true, force: true })
  }
  if (!(await isListening(port, () => child.exitCode === null))) {
    await close()
    throw new Error(`Cannot start nginx: ${Buffer.concat(stderr).toString()}`)
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async put(name, bytes) {
      const file = join(directory, 'files', name)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, bytes)
    },
    async requests() {
      const log = await readFile(join(directory, 'access.log'), 'utf8')
      return log.split('\n').filter(Boolean).map(parseLine)
    },
    close,
  }
}

/** One process, so that there is one to end; it needs no user of its own. */
function configOf(directory: string, port: number, locations: string): string {
  const line =
    '$request_method\\t$request_uri\\t$status\\t$body_bytes_sent\\t$http_range\\t$http_if_none_match\\t$http_accept_encoding'
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off;
master_process off;
pid ${directory}/nginx.pid;
error_log stderr error;
events { worker_connections 512; }
http {
  ${temps.map((name) => `${name}_temp_path ${directory}/${name};`).join('\n  ')}
  types { text/plain txt; application/json json; }
  default_type application/octet-stream;
  log_format tabs "${line.replaceAll('\\t', '\t')}";
  access_log ${directory}/access.log tabs;
  sendfile on;
  server {
    listen 127.0.0.1:${port};
    root ${directory}/files;
    ${locations}
  }
}
`
}

function parseLine(line: string): NginxRequest {
  const [method = '', target = '', status, bodyBytes, ...fields] = line.split('\t')
  const [range = '', ifNoneMatch = '', acceptEncoding = ''] = fields.map((value) =>
    // A dash is nginx's word for nothing, and quotes are escaped as in JavaScript.
    value === '-' ? '' : value.replaceAll('\\x22', '"'),
  )
  return {
    method,
    target,
    status: Number(status),
    bodyBytes: Number(bodyBytes),
    range,
    ifNoneMatch,
    acceptEncoding,
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function isListening(port: number, isAlive: () => boolean): Promise<boolean> {
  const outOfTimeAtMs = performance.now() + START_MS
  while (isAlive() && performance.now() < outOfTimeAtMs) {
    const socket = connect({ port, host: '127.0.0.1' })
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return true
    await sleep(POLL_MS)
  }
  return false
}
