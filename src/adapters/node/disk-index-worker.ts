// A thread of its own for SQLite: the written copy of the index, and what people ask for. It may be thrown
// away at any time, as the slabs say the same.

import { closeSync, openSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'

import type {
  CopyChange,
  CopyReply,
  CopyRequest,
  CopyState,
  LoadedCopy,
} from './disk-index-copy.ts'

// Says whose database it is, and of which schema: any other is begun anew.
const APPLICATION_ID = 0x534c5543
const SCHEMA_VERSION = 1
const HEAD_ROW = 9
const SEGMENT_ROW = 12
const ROWS_A_MESSAGE = 8192

const SCHEMA = `
  CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1), slab INTEGER NOT NULL, end_byte INTEGER NOT NULL,
    last_position INTEGER NOT NULL, sequence INTEGER NOT NULL, is_complete INTEGER NOT NULL);
  CREATE TABLE slabs (slab INTEGER PRIMARY KEY, nonce BLOB NOT NULL);
  CREATE TABLE heads (
    digest BLOB PRIMARY KEY, key TEXT NOT NULL, slab INTEGER NOT NULL, offset INTEGER NOT NULL,
    data_bytes INTEGER NOT NULL, head_bytes INTEGER NOT NULL, is_invalidated INTEGER NOT NULL,
    written_at_ms REAL NOT NULL) WITHOUT ROWID;
  CREATE INDEX heads_by_slab ON heads (slab);
  CREATE TABLE segments (
    digest BLOB NOT NULL, body BLOB NOT NULL, segment INTEGER NOT NULL, slab INTEGER NOT NULL,
    offset INTEGER NOT NULL, data_bytes INTEGER NOT NULL,
    PRIMARY KEY (digest, body, segment)) WITHOUT ROWID;
  CREATE INDEX segments_by_slab ON segments (slab);
  CREATE TABLE invalidations (
    key TEXT PRIMARY KEY, position INTEGER NOT NULL, generation INTEGER NOT NULL,
    slab INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX invalidations_by_slab ON invalidations (slab);
`

const STATEMENTS = {
  state: 'REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?)',
  slab: 'REPLACE INTO slabs VALUES (?, ?)',
  head: 'REPLACE INTO heads VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  segment: 'REPLACE INTO segments VALUES (?, ?, ?, ?, ?, ?)',
  forgetHead: 'DELETE FROM heads WHERE digest = ?',
  forgetSegment: 'DELETE FROM segments WHERE digest = ? AND body = ? AND segment = ?',
  dropSegments: 'DELETE FROM segments WHERE digest = ?',
  validate: 'UPDATE heads SET is_invalidated = 1 WHERE digest = ?',
  // A scan goes from the newest to the oldest, so the greater position stays.
  invalidation: `INSERT INTO invalidations VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
    position = excluded.position, generation = excluded.generation, slab = excluded.slab
    WHERE excluded.position > position`,
  evictSlab: 'DELETE FROM slabs WHERE slab = ?',
  evictHeads: 'DELETE FROM heads WHERE slab = ?',
  evictSegments: 'DELETE FROM segments WHERE slab = ?',
  evictInvalidations: 'DELETE FROM invalidations WHERE slab = ?',
} as const

type Statements = Record<keyof typeof STATEMENTS, StatementSync>

interface Opened {
  readonly path: string
  readonly database: DatabaseSync
  readonly statements: Statements
}

let opened: Opened | undefined

parentPort?.on('message', (request: CopyRequest) => {
  try {
    answer(request)
  } catch (error) {
    reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  }
})

function answer(request: CopyRequest): void {
  switch (request.kind) {
    case 'open':
      return reply({ kind: 'loaded', copy: open(request.path) })
    case 'rows':
      return sendRows()
    case 'write':
      write(request.changes, request.state)
      return reply({ kind: 'done' })
    case 'erase':
      opened = createAnew(current())
      return reply({ kind: 'done' })
    case 'close':
      opened?.database.close()
      opened = undefined
      return reply({ kind: 'done' })
    default:
      throw new Error(`Cannot answer: ${JSON.stringify(request satisfies never)}`)
  }
}

function reply(message: CopyReply, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}

function current(): Opened {
  if (opened === undefined) throw new Error('Cannot use the index: it is not open')
  return opened
}

function open(path: string): LoadedCopy | undefined {
  try {
    const database = connect(path)
    opened = { path, database, statements: prepare(database) }
    return load(database)
  } catch {
    // Not ours, of another schema, or not a database: what it says is not needed.
    opened = createAnew(opened ?? { path })
    return undefined
  }
}

function connect(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  // 4 MiB of pages. The log is put back into the file at 1 MiB: it takes room beside the budget.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  database.exec('PRAGMA cache_size = -4096; PRAGMA wal_autocheckpoint = 256')
  return database
}

function createAnew(old: { readonly path: string; readonly database?: DatabaseSync }): Opened {
  const { path } = old
  old.database?.close()
  for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
  rmSync(path, { force: true })
  // SQLite gives the other two files the rights of this one.
  closeSync(openSync(path, 'wx', 0o600))
  const database = connect(path)
  database.exec(`BEGIN; ${SCHEMA} COMMIT`)
  database.exec(
    `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`,
  )
  return { path, database, statements: prepare(database) }
}

function prepare(database: DatabaseSync): Statements {
  const entries = Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)])
  return Object.fromEntries(entries) as Statements
}

function load(database: DatabaseSync): LoadedCopy | undefined {
  const { application_id } = database.prepare('PRAGMA application_id').get() ?? {}
  const { user_version } = database.prepare('PRAGMA user_version').get() ?? {}
  if (application_id !== APPLICATION_ID || user_version !== SCHEMA_VERSION) {
    throw new Error('Cannot use the index: another schema')
  }
  const state = database.prepare('SELECT * FROM state').get()
  if (state === undefined) return undefined
  const slabs = database.prepare('SELECT slab, nonce FROM slabs').all()
  const invalidated = database
    .prepare('SELECT key, position, generation FROM invalidations ORDER BY position')
    .all()
  return {
    state: {
      slab: Number(state.slab),
      endByte: Number(state.end_byte),
      lastPosition: Number(state.last_position),
      sequence: Number(state.sequence),
      isComplete: state.is_complete === 1,
    },
    slabs: slabs.map(({ slab, nonce }) => ({ slab: Number(slab), nonce: nonce as Uint8Array })),
    invalidated: invalidated.map(({ key, position, generation }) => ({
      key: key as LoadedCopy['invalidated'][number]['key'],
      position: Number(position),
      generation: Number(generation),
    })),
  }
}

function sendRows(): void {
  const { database } = current()
  const none = new Uint32Array(0)
  const heads = database.prepare(
    'SELECT digest, slab, offset / 4096, data_bytes, head_bytes, is_invalidated FROM heads',
  )
  heads.setReturnArrays(true)
  pack(heads, HEAD_ROW, (rows) => send({ heads: rows, segments: none }))
  const segments = database.prepare(
    'SELECT digest, body, segment, slab, offset / 4096, data_bytes FROM segments',
  )
  segments.setReturnArrays(true)
  pack(segments, SEGMENT_ROW, (rows) => send({ heads: none, segments: rows }))
  reply({ kind: 'rows', rows: { heads: none, segments: none }, isLast: true })

  function send(rows: { heads: Uint32Array<ArrayBuffer>; segments: Uint32Array<ArrayBuffer> }) {
    const filled = rows.heads.length > 0 ? rows.heads : rows.segments
    reply({ kind: 'rows', rows, isLast: false }, [filled.buffer])
  }
}

/** Columns one after the other as 32-bit numbers: 16 bytes are four of them; offsets count 4 KiB. */
function pack(
  statement: StatementSync,
  stride: number,
  send: (rows: Uint32Array<ArrayBuffer>) => void,
): void {
  let words = new Uint32Array(stride * ROWS_A_MESSAGE)
  let at = 0
  for (const row of statement.iterate() as Iterable<unknown>) {
    for (const value of row as readonly unknown[]) {
      if (value instanceof Uint8Array) {
        new Uint8Array(words.buffer, at * 4, 16).set(value.subarray(0, 16))
        at += 4
      } else words[at++] = Number(value)
    }
    if (at < words.length) continue
    send(words)
    words = new Uint32Array(stride * ROWS_A_MESSAGE)
    at = 0
  }
  if (at > 0) send(words.slice(0, at))
}

function write(changes: readonly CopyChange[], state: CopyState): void {
  const { database, statements } = current()
  database.exec('BEGIN')
  try {
    for (const change of changes) apply(statements, change)
    const { slab, endByte, lastPosition, sequence, isComplete } = state
    statements.state.run(slab, endByte, lastPosition, sequence, isComplete ? 1 : 0)
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function apply(to: Statements, change: CopyChange): void {
  switch (change.kind) {
    case 'head': {
      const { digest, key, slab, offset, dataBytes, headBytes, isInvalidated, writtenAtMs } = change
      const invalidated = isInvalidated ? 1 : 0
      to.head.run(digest, key, slab, offset, dataBytes, headBytes, invalidated, writtenAtMs)
      return
    }
    case 'segment': {
      const { digest, body, segmentIndex, slab, offset, dataBytes } = change
      to.segment.run(digest, Buffer.from(body, 'hex'), segmentIndex, slab, offset, dataBytes)
      return
    }
    case 'forget-head':
      to.forgetHead.run(change.digest)
      return
    case 'forget-segment':
      to.forgetSegment.run(change.digest, Buffer.from(change.body, 'hex'), change.segmentIndex)
      return
    case 'drop':
    case 'validate':
      return applyInvalidation(to, change)
    case 'invalidated': {
      const { ticket, slab } = change
      to.invalidation.run(ticket.key, ticket.position, ticket.generation, slab)
      return
    }
    case 'slab':
      to.slab.run(change.slab, change.nonce)
      return
    case 'evict':
      for (const name of ['Heads', 'Segments', 'Invalidations', 'Slab'] as const) {
        to[`evict${name}`].run(change.slab)
      }
      return
    case 'reset':
      for (const table of ['heads', 'segments', 'invalidations', 'slabs']) {
        current().database.exec(`DELETE FROM ${table}`)
      }
      return
    default:
      throw new Error(`Cannot apply: ${JSON.stringify(change satisfies never)}`)
  }
}

function applyInvalidation(
  to: Statements,
  change: CopyChange & { kind: 'drop' | 'validate' },
): void {
  const { digest, ticket, slab } = change
  to.invalidation.run(ticket.key, ticket.position, ticket.generation, slab)
  if (change.kind === 'validate') to.validate.run(digest)
  else {
    to.forgetHead.run(digest)
    to.dropSegments.run(digest)
  }
}
