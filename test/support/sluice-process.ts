// The real process: `sluice` started as its users start it, on ports of its own choice.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { type Metrics, parseMetrics } from './prometheus.ts'

export interface SluiceOptions {
  /** Added to the environment of the test, which is cleared of SLUICE_*, AWS_* and OTEL_*. */
  readonly env?: Readonly<Record<string, string>>
  /** Default a directory without a config file. */
  readonly cwd?: string
  /** Program and arguments that it is started by, as in `prlimit --nofile=256`. */
  readonly under?: readonly string[]
  /** Longest wait for the ready line; default 10000. */
  readonly readyMs?: number
}

export interface SluiceExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** From the signal to the end. */
  readonly ms: number
}

export interface AccessRecord {
  readonly kind: 'access'
  readonly time: string
  readonly id: string
  readonly client: string
  readonly method: string
  readonly host: string
  readonly target: string
  readonly status: number
  readonly bytes: number
  readonly ms: number
  readonly cache: string
  readonly originBytes?: number
  readonly agent: string
  readonly error?: string
}

export interface SluiceProcess {
  /** Empty with `--listen off`. */
  readonly url: string
  readonly port: number
  /** Empty without a certificate. */
  readonly tlsUrl: string
  readonly tlsPort: number
  /** Empty with `--admin off`. */
  readonly adminUrl: string
  readonly pid: number
  /** What came on stdout and stderr so far, line by line. */
  readonly lines: readonly string[]
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
  /** Access lines so far; they are written in batches, up to 100 ms late. */
  accessLines(): readonly AccessRecord[]
  /** Waits until there are so many access lines that fit. */
  untilAccess(
    count: number,
    isFitting?: (line: AccessRecord) => boolean,
    timeoutMs?: number,
  ): Promise<readonly AccessRecord[]>
  metrics(): Promise<Metrics>
  rssBytes(): number
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<SluiceExit>
  /** Sends a signal, and does not wait. */
  signal(signal: NodeJS.Signals): void
  /** Stops reading what the process writes, or goes on with it. */
  holdOutput(isHeld: boolean): void
  /** Goes away as a reader of the log: from now on `lines` has only what comes on stderr. */
  closeOutput(): void
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<Omit<SluiceExit, 'ms'>>
  /** SIGKILL. */
  kill(): Promise<void>
  /**
   * The end of every test file: SIGINT; throws unless the process was still there, ends with code 0 and
   * has never said that it cannot go on (T-109).
   */
  finish(): Promise<void>
}

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const V8_FLAG = '--external-memory-accounted-in-global-limit'
const READY =
  /sluice listening on (http:\/\/[^\s,]+:(\d+))?(?: and )?(https:\/\/[^\s,]+:(\d+))?, admin (?:on (http:\/\/[^\s,]+)|off)/
const STOP_MS = 45_000
const POLL_MS = 10

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/**
 * Starts `sluice serve` on free ports, without a disk tier, with JSON logs; `flags` are given after these
 * and win. Rejects with what the process said when it ends before it is ready.
 */
export async function startSluice(
  flags: readonly string[] = [],
  options: SluiceOptions = {},
): Promise<SluiceProcess> {
  const ports = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  const args = ['serve', ...ports, '--disk', 'off', '--log', 'json', ...flags]
  const spawned = spawnSluice(args, options)
  const { child, stdout, stderr, lines, ended } = spawned
  const ready = await untilReady(spawned, options.readyMs ?? 10_000)
  if (ready === undefined) {
    child.kill('SIGKILL')
    await ended
    throw new Error(`Cannot start sluice: ${lines.join('\n')}`)
  }
  const [, url = '', port = '', tlsUrl = '', tlsPort = '', adminUrl = ''] = ready
  const { pid = 0 } = child

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<SluiceExit> {
    const startedAtMs = performance.now()
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    child.kill(signal)
    const { code, signal: by } = await ended
    clearTimeout(timer)
    return { code, signal: by, ms: performance.now() - startedAtMs }
  }

  const accessLines = () => stdout.flatMap(parseAccess)
  return {
    url,
    port: Number(port),
    tlsUrl,
    tlsPort: Number(tlsPort),
    adminUrl,
    pid,
    lines,
    stdout,
    stderr,
    accessLines,
    async untilAccess(count, isFitting = () => true, timeoutMs = 5000) {
      const outOfTimeAtMs = performance.now() + timeoutMs
      for (;;) {
        const found = accessLines().filter(isFitting)
        if (found.length >= count) return found
        if (performance.now() > outOfTimeAtMs) {
          throw new Error(`Cannot find ${count} access lines: there are ${found.length}`)
        }
        await pause()
      }
    },
    async metrics() {
      const response = await fetch(`${adminUrl}/metrics`)
      return parseMetrics(await response.text())
    },
    rssBytes: () => rssBytesOf(pid),
    stop,
    signal: (signal) => void child.kill(signal),
    closeOutput: () => void child.stdout?.destroy(),
    exited: ended,
    holdOutput(isHeld) {
      if (isHeld) child.stdout?.pause()
      else child.stdout?.resume()
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    async finish() {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`Sluice had ended already: ${lines.slice(-20).join('\n')}`)
      }
      const { code, signal } = await stop('SIGINT')
      const said = lines.filter((line) => /cannot go on/i.test(line))
      if (said.length > 0) throw new Error(`Sluice could not go on: ${said.join('\n')}`)
      if (code !== 0) throw new Error(`Sluice ended with ${code ?? signal}: ${stderr.join('\n')}`)
    },
  }
}

export interface SluiceRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command with exactly these arguments until it ends; after `timeoutMs` it is killed. */
export async function runSluice(
  args: readonly string[],
  options: SluiceOptions & { readonly timeoutMs?: number } = {},
): Promise<SluiceRun> {
  const { child, stdout, stderr, ended } = spawnSluice(args, options)
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 10_000)
  const { code } = await ended
  clearTimeout(timer)
  return { code, stdout: stdout.join('\n'), stderr: stderr.join('\n') }
}

interface Spawned {
  readonly child: ChildProcess
  readonly stdout: string[]
  readonly stderr: string[]
  readonly lines: string[]
  readonly ended: Promise<Omit<SluiceExit, 'ms'>>
}

function spawnSluice(args: readonly string[], options: SluiceOptions): Spawned {
  const command = [...(options.under ?? []), process.execPath, V8_FLAG, CLI, ...args]
  const [program = '', ...programArgs] = command
  const child = spawn(program, programArgs, {
    cwd: options.cwd ?? tmpdir(),
    env: { ...cleanEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const stdout: string[] = []
  const stderr: string[] = []
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout.push(line)
    lines.push(line)
  })
  createInterface({ input: child.stderr }).on('line', (line) => {
    stderr.push(line)
    lines.push(line)
  })
  // `close` comes once both pipes have been read to their end, unlike `exit`.
  const ended = once(child, 'close').then(() => {
    running.delete(child)
    return { code: child.exitCode, signal: child.signalCode }
  })
  return { child, stdout, stderr, lines, ended }
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:SLUICE_|AWS_|OTEL_|VITEST|NODE_(?!COMPILE_CACHE$))/.test(name),
  )
  return Object.fromEntries(kept)
}

async function untilReady(
  { child, stdout }: Spawned,
  readyMs: number,
): Promise<RegExpExecArray | undefined> {
  const outOfTimeAtMs = performance.now() + readyMs
  const isAlive = () => child.pid !== undefined && child.exitCode === null
  while (isAlive() && performance.now() < outOfTimeAtMs) {
    for (const line of stdout) {
      const ready = READY.exec(line)
      if (ready !== null) return ready
    }
    await pause()
  }
  return undefined
}

function parseAccess(line: string): AccessRecord[] {
  if (!line.includes('"kind":"access"')) return []
  return [JSON.parse(line) as AccessRecord]
}

function rssBytesOf(pid: number): number {
  const [, kib = '0'] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS))
}
