// HEAD at a cache (RFC 9110 §9.3.2; RFC 9111 §4, §4.3.5).

import type { Case, Lines } from '../case.ts'
import { FRESH, FRESH_TAGGED, STALE_TAGGED, fetched, hit, validated } from '../steps.ts'

const TEN: Lines[number] = ['Content-Length', '10']

export const HEAD: readonly Case[] = [
  {
    id: 'head-from-get',
    clause: 'RFC 9111 §4',
    promise: 'HEAD is answered from what is stored of GET',
    steps: [
      fetched({ fields: [...FRESH_TAGGED, ['X-A', '1']], body: '0123456789' }),
      hit({
        method: 'HEAD',
        expect: {
          asked: false,
          body: 'none',
          cache: /^hit/,
          fields: { 'content-length': '10', etag: '"v1"', 'x-a': '1', age: true },
        },
      }),
    ],
  },
  {
    id: 'head-from-get-404',
    clause: 'RFC 9111 §4',
    promise: 'HEAD is answered with the status that is stored',
    steps: [
      fetched({ status: 404, fields: FRESH }),
      hit({ method: 'HEAD', expect: { status: 404, asked: false, body: 'none' } }),
    ],
  },
  {
    id: 'head-miss',
    clause: 'RFC 9110 §9.3.2',
    promise: 'with nothing stored HEAD is asked as HEAD',
    steps: [
      fetched([...FRESH_TAGGED, TEN], {
        method: 'HEAD',
        expect: {
          asked: true,
          body: 'none',
          sentMethod: 'HEAD',
          fields: { 'content-length': '10', etag: '"v1"' },
        },
      }),
    ],
  },
  {
    id: 'head-chunked',
    clause: 'RFC 9112 §6.1',
    promise: 'HEAD of what has no length yet says none',
    steps: [
      fetched(
        { fields: FRESH, framing: 'chunked' },
        {
          method: 'HEAD',
          expect: { asked: true, body: 'none', fields: { 'content-length': false } },
        },
      ),
    ],
  },
  {
    id: 'head-stale',
    clause: 'RFC 9111 §4.3',
    promise: 'HEAD of what is stale is not answered without the origin',
    steps: [
      fetched(STALE_TAGGED),
      { method: 'HEAD', origin: { status: 304 }, expect: { asked: true, body: 'none' } },
    ],
  },
  {
    id: 'head-freshens',
    clause: 'RFC 9111 §4.3.5',
    promise: 'the answer to HEAD freshens what is stored when validators and length agree',
    steps: [
      fetched({ fields: STALE_TAGGED, body: '0123456789' }),
      fetched([...FRESH_TAGGED, TEN, ['X-New', '1']], { method: 'HEAD' }),
      hit({ expect: { asked: false, body: 1, fields: { 'x-new': '1', 'content-length': '10' } } }),
    ],
  },
  {
    id: 'head-no-validator',
    clause: 'RFC 9111 §4.3.5',
    promise: 'an answer to HEAD that names no version is not taken for that of what is stored',
    steps: [
      fetched({ fields: STALE_TAGGED, body: '0123456789' }),
      fetched([...FRESH, TEN], { method: 'HEAD' }),
      validated(),
    ],
  },
  {
    id: 'head-gone',
    clause: 'RFC 9111 §4.3.5',
    promise: 'a 410 to HEAD says that what is stored is no more',
    site: { minValidationInterval: '0s' },
    steps: [
      fetched({ fields: FRESH_TAGGED, body: '0123456789' }),
      {
        method: 'HEAD',
        fields: [['Cache-Control', 'no-cache']],
        origin: { status: 410 },
        expect: { asked: true, status: 410 },
      },
      { origin: { status: 410 }, expect: { asked: true, status: 410 } },
    ],
  },
  {
    id: 'head-other-etag',
    clause: 'RFC 9111 §4.3.5',
    promise: 'an answer to HEAD with another entity tag ends the trust in what is stored',
    site: { minValidationInterval: '0s' },
    steps: [
      fetched({ fields: FRESH_TAGGED, body: '0123456789' }),
      fetched([...FRESH, ['ETag', '"v2"'], TEN], {
        method: 'HEAD',
        fields: [['Cache-Control', 'no-cache']],
      }),
      validated(),
    ],
  },
  {
    id: 'head-other-length',
    clause: 'RFC 9111 §4.3.5',
    promise: 'an answer to HEAD with another length ends the trust in what is stored',
    site: { minValidationInterval: '0s' },
    steps: [
      fetched({ fields: FRESH_TAGGED, body: '0123456789' }),
      fetched([...FRESH_TAGGED, ['Content-Length', '11']], {
        method: 'HEAD',
        fields: [['Cache-Control', 'no-cache']],
      }),
      validated(),
    ],
  },
  {
    id: 'head-error-keeps',
    clause: 'RFC 9111 §4.3.5',
    promise: 'an error to HEAD says nothing of what is stored',
    site: { minValidationInterval: '0s' },
    steps: [
      fetched({ fields: FRESH_TAGGED, body: '0123456789' }),
      {
        method: 'HEAD',
        fields: [['Cache-Control', 'no-cache']],
        origin: { status: 403 },
        expect: { asked: true, status: 403 },
      },
      hit(),
    ],
  },
  {
    id: 'head-variant',
    clause: 'RFC 9111 §4.1',
    promise: 'HEAD selects among variants as GET does',
    steps: [
      fetched([...FRESH, ['Vary', 'Foo'], ['ETag', '"v1"']], { fields: [['Foo', '1']] }),
      fetched([...FRESH, ['Vary', 'Foo'], ['ETag', '"v2"']], { fields: [['Foo', '2']] }),
      hit({
        method: 'HEAD',
        fields: [['Foo', '1']],
        expect: { asked: false, body: 'none', fields: { etag: '"v1"' } },
      }),
    ],
  },
  {
    id: 'head-no-store',
    clause: 'RFC 9111 §4.3.5',
    promise: 'an answer to HEAD with no-store is for who asked: nothing is updated',
    steps: [
      fetched({ fields: STALE_TAGGED, body: '0123456789' }),
      fetched([['Cache-Control', 'no-store'], ['ETag', '"v1"'], TEN], { method: 'HEAD' }),
      {
        origin: { fields: FRESH_TAGGED, body: 'abcdefghij' },
        expect: { asked: true, body: 'new' },
      },
    ],
  },
  {
    id: 'head-condition',
    clause: 'RFC 9110 §13.1.2',
    promise: 'with nothing stored a condition of HEAD goes to the origin',
    steps: [
      {
        method: 'HEAD',
        fields: [['If-None-Match', '"v1"']],
        origin: { status: 304, fields: FRESH_TAGGED },
        expect: { status: 304, asked: true, body: 'none', sent: { 'if-none-match': '"v1"' } },
      },
    ],
  },
]
