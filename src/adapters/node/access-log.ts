// The access log: one line a request, made by template and written in batches.

import type { LogOutput } from './log-output.ts'

export interface AccessLine {
  readonly atMs: number
  readonly id: string
  readonly client: string
  readonly method: string
  readonly host: string
  readonly target: string
  readonly status: number
  readonly bodyBytes: number
  readonly durationMs: number
  /** Our own member of Cache-Status, without the name. */
  readonly cache: string
  readonly originBytes: number
  readonly userAgent: string
  readonly error: string
}

export interface AccessLog {
  write(line: AccessLine): void
  /** Writes what is held. */
  flush(): void
}

/** Lines are held until there are this many bytes, or this long. */
const FLUSH_BYTES = 64 * 1024
const FLUSH_MS = 100
/** Values from outside are cut at this length. */
const MAX_VALUE_LENGTH = 1024

export function createAccessLog(
  out: Pick<LogOutput, 'write'>,
  format: 'json' | 'pretty',
): AccessLog {
  const render = format === 'json' ? renderJson : renderPretty
  let held = ''
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (held === '') return
    out.write(held)
    held = ''
  }

  return {
    write(line) {
      const { target } = line
      held += render(target.includes('?') ? { ...line, target: redact(target) } : line)
      if (held.length >= FLUSH_BYTES) flush()
      else if (timer === undefined) timer = setTimeout(flush, FLUSH_MS).unref()
    },
    flush,
  }
}

/** Parameters that give access to whoever reads them: of presigned URLs and of tokens. */
const SECRET_PARAMETER =
  /([?&](?:x-amz-signature|x-amz-security-token|x-amz-credential|signature|sig|(?:[a-z]+_)?token|(?:api_?)?key|password|secret)=)[^&]+/gi

export function redact(target: string): string {
  return target.replace(SECRET_PARAMETER, '$1-')
}

function renderJson(line: AccessLine): string {
  let text = `{"time":"${timeOf(line.atMs)}","kind":"access","id":"${line.id}"`
  text += `,"client":"${line.client}","method":"${quote(line.method)}","host":"${quote(line.host)}"`
  text += `,"target":"${quote(line.target)}","status":${line.status},"bytes":${line.bodyBytes}`
  text += `,"ms":${Math.round(line.durationMs * 100) / 100},"cache":"${quote(line.cache)}"`
  if (line.originBytes > 0) text += `,"originBytes":${line.originBytes}`
  text += `,"agent":"${quote(line.userAgent)}"`
  if (line.error !== '') text += `,"error":"${quote(line.error)}"`
  return `${text}}\n`
}

/** The second that was written last: most lines are of the same. */
const second = { atMs: Number.NaN, text: '' }

/** In ISO 8601, to the millisecond. */
function timeOf(atMs: number): string {
  const wholeMs = Math.floor(atMs)
  const restMs = wholeMs % 1000
  if (wholeMs - restMs !== second.atMs) {
    second.atMs = wholeMs - restMs
    second.text = new Date(wholeMs).toISOString().slice(0, -4)
  }
  return `${second.text}${restMs < 10 ? '00' : restMs < 100 ? '0' : ''}${restMs}Z`
}

function renderPretty(line: AccessLine): string {
  const time = new Date(line.atMs).toISOString().slice(11, 23)
  const size = formatBytes(line.bodyBytes)
  const error = line.error === '' ? '' : `  (${printable(line.error)})`
  const request = `${printable(line.method)} ${printable(line.target)}`
  return `${time} ${line.status} ${request}  ${size} in ${line.durationMs.toFixed(1)} ms  ${line.cache}${error}\n`
}

function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`
  if (bytes < 1024 ** 3) return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
  return `${(bytes / 1024 ** 3).toFixed(2)} GiB`
}

/** Escapes for JSON only where there is something to escape, which in a target there never is. */
function quote(value: string): string {
  const cut = value.length > MAX_VALUE_LENGTH ? value.slice(0, MAX_VALUE_LENGTH) : value
  if (!/["\\]|[^\x20-\x7e]/.test(cut)) return cut
  // JSON leaves the upper controls as they are, which some terminals obey.
  return JSON.stringify(cut)
    .slice(1, -1)
    .replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Without control characters, which a terminal would obey. */
export function printable(value: string): string {
  return value.slice(0, MAX_VALUE_LENGTH).replace(/[^\x20-\x7e]/g, '?')
}
