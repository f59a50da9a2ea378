// private and no-cache with a list of fields (RFC 9111 §5.2.2.4, §5.2.2.7), and defects beside them.

import type { Case, Lines } from '../case.ts'
import { fetched, hit, missed, validated } from '../steps.ts'

function withTwo(cacheControl: string): Lines {
  return [
    ['Cache-Control', cacheControl],
    ['ETag', '"v1"'],
    ['X-A', '1'],
    ['X-B', '2'],
  ]
}

export const QUALIFIED: readonly Case[] = [
  {
    id: 'qualified-private-rfc',
    clause: 'RFC 9111 §5.2.2.7',
    promise: 'rfc: fields that private lists are for who asked; the rest is stored',
    policy: 'rfc',
    steps: [
      fetched(withTwo('max-age=3600, private="X-A"'), {
        expect: { asked: true, body: 'new', fields: { 'x-a': '1', 'x-b': '2' } },
      }),
      hit({ expect: { asked: false, body: 1, fields: { 'x-a': false, 'x-b': '2' } } }),
    ],
  },
  {
    id: 'qualified-no-cache-rfc',
    clause: 'RFC 9111 §5.2.2.4',
    promise: 'rfc: fields that no-cache lists are not used without validation; the rest is',
    policy: 'rfc',
    steps: [
      fetched(withTwo('max-age=3600, no-cache="x-a, x-c"'), {
        expect: { asked: true, body: 'new', fields: { 'x-a': '1', 'x-b': '2' } },
      }),
      hit({ expect: { asked: false, body: 1, fields: { 'x-a': false, 'x-b': '2' } } }),
    ],
  },
  {
    id: 'qualified-private-careful',
    clause: 'RFC 9111 §5.2.2.7',
    promise: 'careful: private with a list is read as private, which only forbids more',
    policy: 'careful',
    steps: [fetched(withTwo('max-age=3600, private="X-A"')), missed()],
  },
  {
    id: 'qualified-no-cache-careful',
    clause: 'RFC 9111 §5.2.2.4',
    promise: 'careful: no-cache with a list is read as no-cache, which only forbids more',
    policy: 'careful',
    steps: [fetched(withTwo('max-age=3600, no-cache="X-A"')), validated()],
  },
  {
    id: 'qualified-by-site',
    clause: 'RFC 9111 §5.2.2.7',
    promise: 'a site may have lists of fields honoured',
    site: { qualifiedDirectives: true },
    steps: [
      fetched(withTwo('max-age=3600, private="X-A"')),
      hit({ expect: { asked: false, body: 1, fields: { 'x-a': false, 'x-b': '2' } } }),
    ],
  },
  {
    id: 'qualified-private-both',
    clause: 'RFC 9111 §5.2.2.7',
    promise: 'private without a list holds beside one with a list',
    steps: [fetched(withTwo('max-age=3600, private="X-A", private')), missed()],
  },
  {
    id: 'qualified-private-empty',
    clause: 'RFC 9111 §5.2.2.7',
    promise: 'private with an empty list is private',
    steps: [fetched(withTwo('max-age=3600, private=""')), missed()],
  },
  {
    id: 'qualified-private-token',
    clause: 'RFC 9111 §5.2.2.7',
    promise: 'a list that ought to be quoted keeps that field to who asked all the same',
    steps: [
      fetched(withTwo('max-age=3600, private=X-A')),
      { origin: { fields: [] }, expect: { fields: { 'x-a': false } } },
    ],
  },
  {
    id: 'qualified-private-set-cookie-rfc',
    clause: 'RFC 9111 §5.2.2.7',
    promise: 'rfc: a Set-Cookie that private lists is given to nobody else',
    policy: 'rfc',
    steps: [
      fetched([
        ['Cache-Control', 'max-age=3600, private="set-cookie"'],
        ['Set-Cookie', 'a=b'],
      ]),
      hit({ expect: { asked: false, body: 1, fields: { 'set-cookie': false } } }),
    ],
  },
  {
    id: 'qualified-304-rfc',
    clause: 'RFC 9111 §5.2.2.7',
    promise: 'rfc: a listed field of a 304 is for who asked too',
    policy: 'rfc',
    steps: [
      fetched([
        ['Cache-Control', 'max-age=60, private="X-A"'],
        ['Age', '100'],
        ['ETag', '"v1"'],
      ]),
      validated([['X-A', '7']], { expect: { asked: true, body: 1, fields: { 'x-a': '7' } } }),
      hit({ expect: { asked: false, body: 1, fields: { 'x-a': false } } }),
    ],
  },
]
