import { pino } from 'pino'
import { describe, expect, it } from 'vitest'

import { createAuditLog } from '../../../../src/adapters/node/audit-log.ts'

const LINE = {
  action: 'purge',
  peer: '127.0.0.1',
  by: 'loopback',
  what: 'http://a/b',
  how: 'hard',
  status: 200,
  outcome: 'purged',
}

function written(level: string, line: typeof LINE): readonly Record<string, unknown>[] {
  const records: Record<string, unknown>[] = []
  const logger = pino({ level, base: null }, { write: (text) => records.push(JSON.parse(text)) })
  createAuditLog(logger)(line)
  return records
}

describe('createAuditLog', () => {
  it.each(['debug', 'info', 'warn', 'error'])('writes its line at level %s of the log', (level) => {
    expect(written(level, LINE)).toMatchObject([
      { ...LINE, kind: 'audit', level: 30, msg: expect.stringMatching(/^Purge of http:\/\/a\/b /) },
    ])
  })

  it('writes nothing where there is no log', () => {
    expect(written('silent', LINE)).toEqual([])
  })

  it('shows no signature or token of a URL, and nothing that a terminal would obey (T-104)', () => {
    const what = `http://a/b?X-Amz-Signature=secret&x=1&token=secret\u001b[2J&y=\u009b${'y'.repeat(2000)}`
    const [record = {}] = written('info', { ...LINE, what, outcome: 'odd: \u001b]0;x\u0007' })
    const text = Object.values(record).join(' ')
    expect(text).toMatch(/^[ -~]*$/)
    expect(text).not.toContain('secret')
    expect(String(record['what'])).toHaveLength(1024)
    expect(record['what']).toContain('&x=1')
  })
})
