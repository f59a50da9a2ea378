// Parts, and responses that are not complete (RFC 9111 §3.3, §3.4; RFC 9110 §15.3.7).

import type { Case, Lines, OriginAnswer } from '../case.ts'
import { FRESH, FRESH_TAGGED, STALE_TAGGED, fetched, hit, missed } from '../steps.ts'

const BODY: OriginAnswer = { fields: FRESH_TAGGED, body: '0123456789' }

function partial(text: string, firstPos: number, total: number, fields: Lines): OriginAnswer {
  const lastPos = firstPos + text.length - 1
  return {
    status: 206,
    body: text,
    fields: [...fields, ['Content-Range', `bytes ${firstPos}-${lastPos}/${total}`]],
  }
}

/** Of a segment: parts are asked for in whole ones. */
const MIB = 1024 * 1024

const COLD: readonly Case[] = [
  {
    id: 'range-cold-part',
    clause: 'RFC 9111 §3.3',
    promise: 'a part that holds all there is answers the range, and is stored as the whole',
    steps: [
      {
        fields: [['Range', 'bytes=2-4']],
        origin: partial('0123456789', 0, 10, FRESH_TAGGED),
        expect: {
          status: 206,
          asked: true,
          body: { text: '234' },
          fields: { 'content-range': 'bytes 2-4/10' },
        },
      },
      hit({ expect: { asked: false, body: { text: '0123456789' } } }),
    ],
  },
  {
    id: 'range-cold-shorter',
    clause: 'RFC 9110 §15.3.7',
    promise: 'a part that holds just what the client asked for answers it',
    steps: [
      {
        fields: [['Range', 'bytes=0-4']],
        origin: partial('01234', 0, 10, FRESH_TAGGED),
        expect: {
          status: 206,
          body: { text: '01234' },
          fields: { 'content-range': 'bytes 0-4/10' },
        },
      },
    ],
  },
  // The last bytes of a segment are asked for: with them its reader knows the whole of it stored.
  {
    id: 'range-cold-joined',
    clause: 'RFC 9111 §3.4',
    promise: 'parts of one strong validator answer what lies in either, and in both',
    steps: [
      {
        fields: [['Range', `bytes=${MIB - 2}-${MIB - 1}`]],
        origin: partial('a'.repeat(MIB), 0, 2 * MIB, FRESH_TAGGED),
        expect: { status: 206, asked: true, body: { text: 'aa' } },
      },
      {
        fields: [['Range', `bytes=${2 * MIB - 2}-${2 * MIB - 1}`]],
        origin: partial('b'.repeat(MIB), MIB, 2 * MIB, FRESH_TAGGED),
        expect: { status: 206, asked: true, body: { text: 'bb' }, sent: { 'if-match': '"v1"' } },
      },
      hit({
        fields: [['Range', `bytes=${MIB - 1}-${MIB}`]],
        expect: { status: 206, asked: false, body: { text: 'ab' } },
      }),
    ],
  },
  {
    id: 'range-cold-updates',
    clause: 'RFC 9111 §3.4',
    promise: 'the fields of a part that is joined update those that are stored',
    steps: [
      {
        fields: [['Range', `bytes=${MIB - 2}-${MIB - 1}`]],
        origin: partial('a'.repeat(MIB), 0, 2 * MIB, [...FRESH_TAGGED, ['X-A', '1']]),
        expect: { status: 206, asked: true, fields: { 'x-a': '1' } },
      },
      {
        fields: [['Range', `bytes=${2 * MIB - 2}-${2 * MIB - 1}`]],
        origin: partial('b'.repeat(MIB), MIB, 2 * MIB, [...FRESH_TAGGED, ['X-A', '2']]),
        expect: { status: 206, asked: true, body: { text: 'bb' } },
      },
      hit({
        fields: [['Range', 'bytes=0-1']],
        expect: { status: 206, asked: false, body: { text: 'aa' }, fields: { 'x-a': '2' } },
      }),
    ],
  },
  {
    id: 'range-cold-other',
    clause: 'RFC 9110 §15.3.7',
    promise: 'another version is not joined to the part that is stored',
    steps: [
      {
        fields: [['Range', 'bytes=2-4']],
        origin: partial('0123456789', 0, 10, STALE_TAGGED),
        expect: { status: 206, asked: true, body: { text: '234' } },
      },
      {
        fields: [['Range', 'bytes=2-4']],
        origin: { fields: [...FRESH, ['ETag', '"v2"']], body: 'abcdefghij' },
        expect: { status: 206, asked: true, body: { text: 'cde' }, fields: { etag: '"v2"' } },
      },
      hit({ expect: { asked: false, body: { text: 'abcdefghij' }, fields: { etag: '"v2"' } } }),
    ],
  },
  {
    id: 'range-cold-whole',
    clause: 'RFC 9110 §14.2',
    promise: 'a 200 to a range is cut for the client, and stored whole',
    steps: [
      {
        fields: [['Range', 'bytes=2-4']],
        origin: BODY,
        expect: {
          status: 206,
          asked: true,
          body: { text: '234' },
          fields: { 'content-range': 'bytes 2-4/10' },
        },
      },
      hit({ expect: { asked: false, body: { text: '0123456789' } } }),
    ],
  },
  {
    id: 'range-cold-weak',
    clause: 'RFC 9111 §3.4',
    promise: 'parts without a strong validator are never put together',
    steps: [
      {
        fields: [['Range', 'bytes=2-4']],
        origin: partial('0123456789', 0, 10, [...FRESH, ['ETag', 'W/"v1"']]),
        expect: { status: 206, asked: 2 },
      },
      { origin: { ...BODY, body: 'abcdefghij' }, expect: { asked: true, body: 'new' } },
    ],
  },
  {
    id: 'range-cold-error',
    clause: 'RFC 9111 §3',
    promise: 'an error to a range is passed on and not stored',
    steps: [
      { fields: [['Range', 'bytes=2-4']], origin: { status: 500 }, expect: { status: 500 } },
      fetched(BODY),
    ],
  },
  {
    id: 'range-cold-unsatisfiable',
    clause: 'RFC 9110 §15.5.17',
    promise: 'a 416 of the origin is passed on and not stored',
    steps: [
      {
        fields: [['Range', 'bytes=20-30']],
        origin: { status: 416, fields: [...FRESH, ['Content-Range', 'bytes */10']] },
        expect: { status: 416, asked: true, fields: { 'content-range': 'bytes */10' } },
      },
      fetched(BODY),
    ],
  },
  {
    id: 'range-unasked-part',
    clause: 'RFC 9110 §15.3.7',
    promise: 'a 206 that nobody asked for is never passed on as an answer, nor stored',
    steps: [
      { origin: partial('234', 2, 10, FRESH_TAGGED), expect: { status: 502, asked: true } },
      missed({ origin: BODY }),
    ],
  },
]

const INCOMPLETE: readonly Case[] = [
  {
    id: 'incomplete-length',
    clause: 'RFC 9111 §3.3',
    promise: 'a body shorter than its length breaks off visibly and is not stored as whole',
    steps: [
      {
        origin: { fields: FRESH, body: '0123456789', cutAfterBytes: 5 },
        expect: { asked: true, body: 'cut' },
      },
      missed({ origin: BODY }),
    ],
  },
  {
    id: 'incomplete-chunked',
    clause: 'RFC 9112 §8',
    promise: 'a chunked body without its last chunk is incomplete, and is not stored',
    steps: [
      {
        origin: { fields: FRESH, body: '0123456789', framing: 'chunked', cutAfterBytes: 5 },
        expect: { asked: true, body: 'cut' },
      },
      missed({ origin: BODY }),
    ],
  },
  {
    id: 'incomplete-close-careful',
    clause: 'RFC 9112 §8',
    promise: 'careful: what ends with its connection may have been cut: it is not stored',
    policy: 'careful',
    steps: [
      fetched({ fields: FRESH, body: '0123456789', framing: 'close' }),
      missed({ origin: BODY }),
    ],
  },
  {
    id: 'complete-close-rfc',
    clause: 'RFC 9112 §8',
    promise: 'rfc: what ends with its connection, and without an error, is complete',
    policy: 'rfc',
    steps: [fetched({ fields: FRESH, body: '0123456789', framing: 'close' }), hit()],
  },
  {
    id: 'complete-chunked',
    clause: 'RFC 9111 §3',
    promise: 'a chunked body that came to its end is stored, and its length is told',
    steps: [
      fetched({ fields: FRESH, body: '0123456789', framing: 'chunked' }),
      hit({ expect: { asked: false, body: 1, fields: { 'content-length': '10' } } }),
    ],
  },
  {
    id: 'complete-empty',
    clause: 'RFC 9111 §3',
    promise: 'an empty body is stored as any other',
    steps: [
      fetched({ fields: FRESH, body: '' }),
      hit({ expect: { asked: false, body: 'none', fields: { 'content-length': '0' } } }),
    ],
  },
]

export const PARTS: readonly Case[] = [...COLD, ...INCOMPLETE]
