// A port that connections are made to and never get: it is listened on, nothing is accepted, and the queue is full, so
// that the kernel drops what comes (Linux).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface BlackHole {
  /** Connections to it that are being tried at this moment, whoever tries. */
  openAttemptCount(): number
  close(): Promise<void>
}

/** Its event loop never turns again, and that accepts connections. */
const CODE = `
  require('node:net').createServer().listen({ port: PORT, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:fs').writeSync(1, 'listening')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`

/** More than the queue holds. */
const FILLER_COUNT = 8
const FILLING_MS = 300
const SYN_SENT = '02'

export async function startBlackHole(port: number): Promise<BlackHole> {
  const code = CODE.replace('PORT', String(port))
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), exited])
  const fillers = Array.from({ length: FILLER_COUNT }, () => connect({ port, host: '127.0.0.1' }))
  for (const filler of fillers) filler.on('error', () => undefined)
  await sleep(FILLING_MS)
  const waiting = fillers.filter(({ connecting }) => connecting)
  if (waiting.length === 0) throw new Error(`Cannot make a black hole of port ${port}: it accepts`)
  for (const filler of waiting) filler.destroy()
  return {
    openAttemptCount: () => attemptCount(port),
    async close() {
      for (const filler of fillers) filler.destroy()
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** Lines of /proc/net/tcp: number, local and remote address in hexadecimal, state. */
function attemptCount(port: number): number {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1)
  return lines.filter((line) => {
    const [, , address = '', state] = line.trim().split(/\s+/)
    return address.endsWith(remote) && state === SYN_SENT
  }).length
}
