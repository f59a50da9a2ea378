// System calls of a process that fail, are slow, do half of what they should, or are its last: as strace injects
// them. It counts calls per thread, so the pool of a process under it has one thread.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { programPath } from './programs.ts'

export interface Injection {
  /** One name of a call, or several with commas. */
  readonly call: string
  /** `error=EIO`, `retval=100`, `delay_enter=100000`, `signal=SIGKILL`. */
  readonly action: string
  /** Which of the calls, as in `3`, `3+2` or `1..5`; absent, all. */
  readonly when?: string
  /** Only calls that are about one of these files; absent, about any. */
  readonly paths?: readonly string[]
}

/** The pool of a traced process. */
export const ONE_THREAD = { UV_THREADPOOL_SIZE: '1' } as const

/** Its calls go into the log, each with the path of its descriptor. */
export function straceArgs(injection: Injection, logPath: string): readonly string[] {
  const { call, action, when, paths = [] } = injection
  const times = when === undefined ? '' : `:when=${when}`
  const filter = paths.flatMap((path) => ['-P', path])
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:${action}${times}`]
  return ['-f', '-qq', '-y', '-o', logPath, ...filter, ...inject]
}

/** Names of slabs from a number on: paths that are not there yet count as well. */
export function slabPaths(directory: string, firstSlab: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) =>
    join(directory, (firstSlab + index).toString(16).padStart(8, '0')),
  )
}

export function indexPaths(directory: string): readonly string[] {
  return ['', '-wal', '-journal'].map((suffix) => join(directory, `index.sqlite${suffix}`))
}

export interface Attached {
  /** Lets go of the process. @returns How many calls were changed. */
  detach(): Promise<number>
}

/** Changes calls of a running process from now on. */
export async function attachStrace(pid: number, injection: Injection): Promise<Attached> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-strace-'))
  const logPath = join(directory, 'log')
  const args = straceArgs(injection, logPath).filter((arg) => arg !== '-qq')
  const program = programPath('strace') ?? ''
  const strace = spawn(program, [...args, '-s', '0', '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const { promise: attached, resolve } = Promise.withResolvers<void>()
  let said = ''
  strace.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (said.includes('attached')) resolve()
  })
  const ended = once(strace, 'close')
  await Promise.race([attached, ended])
  if (strace.exitCode !== null) throw new Error(`Cannot attach to ${pid}: ${said}`)
  return {
    async detach() {
      strace.kill('SIGINT')
      await ended
      const log = await readFile(logPath, 'latin1')
      await rm(directory, { recursive: true })
      return log.split('(INJECTED)').length - 1
    },
  }
}
