// `sluice serve`: logs, signals, and the line that says it is ready.

import { pino } from 'pino'
import type { Logger } from 'pino'

import { createAccessLog } from './adapters/node/access-log.ts'
import { createLogOutput } from './adapters/node/log-output.ts'
import type { LogOutput } from './adapters/node/log-output.ts'
import type { Origin } from './config-origins.ts'
import type { Config } from './config.ts'
import { startNode } from './node.ts'
import type { Running } from './node.ts'

/** By default about 64 MiB of new buffers force a full collection; every miss makes such buffers. */
const V8_FLAG = '--external-memory-accounted-in-global-limit'

export async function serveUntilStopped(config: Config, fallback: Origin): Promise<void> {
  const { stdout } = process
  const log = config.log ?? (stdout.isTTY ? 'pretty' : 'json')
  const output = createLogOutput({
    stream: stdout,
    describeDropped: (count) => describeDropped(log, count),
  })
  const logger = createLogger(log, config.logLevel, output)
  const accessLog = log === 'off' ? undefined : createAccessLog(output, log)
  guard(logger)
  const running = await startNode({
    config,
    fallback,
    environment: process.env,
    logger,
    accessLog,
  }).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(`sluice: ${message}\n`)
    process.exit(1)
  })
  if (!process.execArgv.includes(V8_FLAG)) {
    logger.warn(`Misses cost more than they need: start Node with ${V8_FLAG}`)
  }
  reloadOnSignal(running, logger)
  // Whoever waits for the line may send a signal at once.
  stopOnSignals(running, config, logger, output)
  announce(running, log, stdout.isTTY, output)
}

/** How long the last lines may take to reach a slow reader at the end. */
const FLUSH_MS = 1000

function describeDropped(log: LogFormat, count: number): string {
  const msg = `Log reader too slow: ${count} lines dropped`
  if (log !== 'json') return `${msg}\n`
  const time = new Date().toISOString()
  return `${JSON.stringify({ level: 40, time, kind: 'log-dropped', count, msg })}\n`
}

type LogFormat = 'json' | 'pretty' | 'off'

function createLogger(log: LogFormat, level: string, output: LogOutput): Logger {
  const options = { level: log === 'off' ? 'silent' : level, base: null }
  if (log === 'pretty') return pino(options, { write: (line) => output.write(renderEvent(line)) })
  // One writer for events and access lines: two would write into each other's lines.
  return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, output)
}

/** An event as a person reads it. */
function renderEvent(line: string): string {
  const event = JSON.parse(line) as { level: number; time: number; msg?: string; kind?: string }
  const time = new Date(event.time).toISOString().slice(11, 23)
  const level = event.level >= 50 ? 'error' : event.level >= 40 ? 'warn' : 'info'
  return `${time} ${level}: ${event.msg ?? event.kind ?? ''}\n`
}

function announce(running: Running, log: LogFormat, isTerminal: boolean, output: LogOutput): void {
  const admin = running.adminUrl === undefined ? 'off' : `on ${running.adminUrl}`
  const line = `sluice listening on ${running.urls.join(' and ')}, admin ${admin}, origin ${running.origins.join(', ')}`
  if (log === 'json') {
    const time = new Date().toISOString()
    output.write(`${JSON.stringify({ level: 30, time, kind: 'ready', msg: line })}\n`)
  } else output.write(`${line}\n`)
  if (isTerminal) output.write(`Try: curl -i ${running.urls[0]}/\n`)
}

/** SIGHUP takes up new certificates at once; without any it ends the process, as it does by itself. */
function reloadOnSignal({ reload }: Running, logger: Logger): void {
  if (reload === undefined) return
  process.on('SIGHUP', () => {
    logger.info('SIGHUP: looking for new certificates')
    void reload()
  })
}

/** SIGTERM drains, SIGINT drains without the delay; a second signal exits at once. */
function stopOnSignals(running: Running, config: Config, logger: Logger, output: LogOutput): void {
  let isStopping = false
  function stop(signal: 'SIGTERM' | 'SIGINT'): void {
    if (isStopping) process.exit(1)
    isStopping = true
    logger.info(`${signal}: draining`)
    void running.drain(signal === 'SIGINT' ? 0 : config.drainDelay).then(async () => {
      logger.info('Stopped')
      await output.flush(FLUSH_MS)
      process.exit(0)
    })
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
}

/** A mistake of ours ends the process, having said so: it never limps on. */
function guard(logger: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logger.fatal({ err: error }, 'Cannot go on')
      process.stderr.write(`sluice: cannot go on: ${String(error)}\n`)
      process.exit(70)
    })
  }
}
