// System calls of a process that fail, are slow, do half of what they should, or are its last: as strace injects
// them. It counts calls per thread, so the pool of a process under it has one thread.

import { join } from 'node:path'

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
