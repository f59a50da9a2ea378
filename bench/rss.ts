import { readFileSync } from 'node:fs'

const SAMPLE_MS = 1000

export interface RssWatch extends Disposable {
  nowBytes(): number
  /** Of the samples, one a second. */
  maxBytes(): number
  readonly samples: readonly number[]
}

/** Looks at the resident set of a process each second. */
export function watchRss(pid: number): RssWatch {
  const samples = [rssBytesOf(pid)]
  const timer = setInterval(() => samples.push(rssBytesOf(pid)), SAMPLE_MS)
  return {
    samples,
    nowBytes: () => rssBytesOf(pid),
    maxBytes: () => Math.max(...samples),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

function rssBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}
