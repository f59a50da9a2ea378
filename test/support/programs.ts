// Programs of the machine that tests start: found, run to their end, or named where they are missing.

/* oxlint-disable vitest/no-conditional-tests, vitest/no-disabled-tests, vitest/valid-describe-callback, vitest/valid-title --
   Which tests there are depends on the machine here, and their names come from the test files. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

/** The Debian package of each. */
const PACKAGES = {
  'apt-get': 'apt',
  aria2c: 'aria2',
  chromium: 'chromium',
  cmp: 'diffutils',
  curl: 'curl',
  nginx: 'nginx',
  npm: 'npm',
  openssl: 'openssl',
  perl: 'perl-base',
  strace: 'strace',
  wget: 'wget',
} as const

export type Program = keyof typeof PACKAGES

export interface RunOptions {
  readonly cwd?: string
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
  /** For its standard input; default nothing. */
  readonly input?: string
  /** Default 15000; then it is killed, and the run rejects. */
  readonly timeoutMs?: number
}

export interface Ran {
  readonly exitCode: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** Daemons lie where the PATH of an ordinary user does not lead. */
const SEARCH_PATH = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`

/** Where it lies; nothing if this machine lacks it. */
export function programPath(program: Program): string | undefined {
  const env = { ...process.env, PATH: SEARCH_PATH }
  const { status, stdout } = spawnSync('which', [program], { env, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/**
 * Tests that need programs. Where one is missing they are skipped, and one line says what to install;
 * under CI they fail, for there a test that never runs would go unnoticed.
 */
export function describeWith(needed: readonly Program[], name: string, tests: () => void): void {
  const missing = needed.filter((program) => programPath(program) === undefined)
  if (missing.length === 0) {
    describe(name, tests)
    return
  }
  const packages = missing.map((program) => PACKAGES[program]).join(' ')
  const need = `needs ${packages} (apt-get install ${packages})`
  if ((process.env['CI'] ?? '') !== '') {
    it(name, () => expect.fail(need))
    return
  }
  process.stderr.write(`skipped: ${name}: ${need}\n`)
  describe.skip(`${name} (skipped: ${need})`, tests)
}

/** Runs it to its end, whatever its exit code; rejects if it cannot be started or does not end. */
export async function runProgram(
  program: Program,
  args: readonly string[],
  { cwd, env, input = '', timeoutMs = 15_000 }: RunOptions = {},
): Promise<Ran> {
  const path = programPath(program)
  if (path === undefined) throw new Error(`Cannot run "${program}": it is not installed`)
  const child = spawn(path, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    // A proxy of the machine's own must not stand between the client and us.
    env: { ...process.env, http_proxy: '', https_proxy: '', no_proxy: '*', LC_ALL: 'C', ...env },
    ...(cwd !== undefined && { cwd }),
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // Who ends without having read it is judged by its end.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let isTooLate = false
  const deadline = setTimeout(() => {
    isTooLate = true
    child.kill('SIGKILL')
  }, timeoutMs)
  try {
    await once(child, 'close')
  } finally {
    clearTimeout(deadline)
  }
  const said = Buffer.concat(stderr).toString()
  if (isTooLate) throw new Error(`Cannot run "${program}": not done in ${timeoutMs} ms: ${said}`)
  return { exitCode: child.exitCode, stdout: Buffer.concat(stdout), stderr: said }
}

/** A directory of the running test, gone with what is in it when the test ends. */
export async function testDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}
