import { execFile } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { BenchClass } from './classes.ts'
import type { Peer } from './peers.ts'
import { LOAD_CORE } from './peers.ts'

const run = promisify(execFile)

export interface Measured {
  /** User and system time of all threads of the server, per answered request. */
  readonly cpuMicros: number
  readonly perSecond: number
}

/** Loads a peer for some seconds. Throws when an answer is not what the class says. */
export async function measure(
  benchClass: BenchClass,
  peer: Peer,
  seconds: number,
): Promise<Measured> {
  await check(benchClass, peer)
  const script = join(peer.directory, 'load.lua')
  writeFileSync(script, luaOf(benchClass))
  const before = cpuMicrosOf(peer.pid)
  const { stdout } = await run('taskset', [
    '-c',
    LOAD_CORE,
    'wrk',
    '-t1',
    `-c${benchClass.connectionCount}`,
    `-d${seconds}s`,
    '-s',
    script,
    `http://127.0.0.1:${peer.port}${benchClass.path}`,
  ])
  const spentMicros = cpuMicrosOf(peer.pid) - before
  const requestCount = Number(/(\d+) requests in/.exec(stdout)?.[1])
  if (/Non-2xx|Socket errors: .*(connect|read|timeout) [1-9]/.test(stdout)) {
    throw new Error(`Cannot measure "${benchClass.name}" at ${peer.name}:\n${stdout}`)
  }
  return { cpuMicros: spentMicros / requestCount, perSecond: requestCount / seconds }
}

/** One request, looked at: a fast wrong answer is no result. */
async function check(benchClass: BenchClass, peer: Peer): Promise<void> {
  const headers: Record<string, string> = { ...benchClass.fields }
  if (benchClass.status === 206) headers['Range'] = `bytes=0-${benchClass.bodyBytes - 1}`
  const response = await fetch(`http://127.0.0.1:${peer.port}${benchClass.path}`, { headers })
  const { byteLength } = await response.arrayBuffer()
  if (response.status === benchClass.status && byteLength === benchClass.bodyBytes) return
  const got = `${response.status} with ${byteLength} bytes`
  throw new Error(`Cannot measure "${benchClass.name}": ${peer.name} answered ${got}`)
}

function luaOf({ lua, fields = {}, path }: BenchClass): string {
  const lines = Object.entries(fields).map(([name, value]) => `headers["${name}"] = "${value}"`)
  return [
    `local path = "${path}"`,
    'local headers = {}',
    ...lines,
    'wrk.headers = headers',
    'math.randomseed(42)',
    lua === undefined ? '' : `function request()${lua}end`,
  ].join('\n')
}

/** Run time of every thread, to the nanosecond, which ticks of 10 ms are too coarse for. */
function cpuMicrosOf(pid: number): number {
  let nanos = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [ran = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
    nanos += Number(ran)
  }
  return nanos / 1000
}
