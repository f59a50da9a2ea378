// The audit log: a line for each call that would change what is stored, whatever the level of the log.

import type { Logger } from 'pino'

import { printable, redact } from './access-log.ts'

interface AuditLine {
  readonly action: string
  readonly peer: string
  readonly by: string
  readonly what: string
  readonly how: string | undefined
  readonly status: number
  readonly outcome: string
}

/** Only where there is no log at all is there none of these. */
export function createAuditLog(logger: Logger): (line: AuditLine) => void {
  const level = logger.level === 'silent' ? 'silent' : 'info'
  const audit = logger.child({ kind: 'audit' }, { level })
  return (line) => {
    // Both come from outside, and a URL may hold a signature.
    const what = printable(redact(line.what))
    const outcome = printable(line.outcome)
    const action = line.action.charAt(0).toUpperCase() + line.action.slice(1)
    const order = `${action}${what === '' ? '' : ` of ${what} (${line.how ?? ''})`}`
    const message = `${order} by ${line.by} from ${line.peer}: ${line.status} ${outcome}`
    audit.info({ ...line, what, outcome }, message)
  }
}
