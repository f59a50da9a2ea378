// No-Vary-Search, where a site opts in (draft-ietf-httpbis-no-vary-search), and rules for the query of the key.

import type { Case, Lines, Step } from '../case.ts'
import { FRESH, changed, fetched, hit, missed, validated } from '../steps.ts'

function varying(value: string): Lines {
  return [...FRESH, ['ETag', '"v1"'], ['No-Vary-Search', value]]
}

function search(id: string, promise: string, value: string, first: string, second: Step): Case {
  return {
    id: `search-${id}`,
    clause: 'RFC 9111 §2',
    promise,
    site: { noVarySearch: true },
    steps: [fetched(varying(value), { target: first }), second],
  }
}

const OPTED_IN: readonly Case[] = [
  search(
    'params-all',
    'params: no part of the query makes a difference',
    'params',
    '?a=1',
    hit({ target: '?b=2' }),
  ),
  search('params-none', 'params: nor does its absence', 'params', '?a=1', hit()),
  search(
    'params-list',
    'params with a list: those make no difference',
    'params=("a" "b")',
    '?a=1&c=3',
    hit({ target: '?c=3&b=9' }),
  ),
  search(
    'params-list-other',
    'params with a list: the others do',
    'params=("a")',
    '?a=1&c=3',
    missed({ target: '?a=1&c=4' }),
  ),
  search(
    'except',
    'except: all but those make no difference',
    'params, except=("c")',
    '?a=1&c=3',
    hit({ target: '?x=1&c=3' }),
  ),
  search(
    'except-other',
    'except: those do',
    'params, except=("c")',
    '?a=1&c=3',
    missed({ target: '?a=1&c=4' }),
  ),
  search(
    'key-order',
    'key-order: the order of names makes no difference',
    'key-order',
    '?a=1&b=2',
    hit({ target: '?b=2&a=1' }),
  ),
  search(
    'key-order-of-values',
    'key-order: the order of values of one name does',
    'key-order',
    '?a=1&a=2',
    missed({ target: '?a=2&a=1' }),
  ),
  search(
    'encoded',
    'names and values are compared decoded',
    'params=("x")',
    '?a=b%20c',
    hit({ target: '?a=b+c&x' }),
  ),
  search(
    'unparsable',
    'a field that does not parse says nothing',
    'params=("a"',
    '?a=1',
    missed({ target: '?a=2' }),
  ),
  search(
    'wrong-type',
    'a member of the wrong type has the whole field ignored',
    'params=a',
    '?a=1',
    missed({ target: '?a=2' }),
  ),
  search(
    'except-without-params',
    'except without params has the whole field ignored',
    'except=("a")',
    '?a=1',
    missed({ target: '?b=2' }),
  ),
  search(
    'absent',
    'without the field every part of the query counts',
    '',
    '?a=1',
    missed({ target: '?a=2' }),
  ),
  {
    id: 'search-other-path',
    clause: 'RFC 9111 §2',
    promise: 'the path always makes a difference',
    site: { noVarySearch: true },
    steps: [fetched(varying('params'), { target: '/a?x' }), missed({ target: '/b?x' })],
  },
  {
    id: 'search-invalidated',
    clause: 'RFC 9111 §4.4',
    promise: 'what stands for a target is invalidated with it',
    site: { noVarySearch: true },
    steps: [
      fetched(varying('params'), { target: '?a=1' }),
      { ...changed('POST'), target: '?b=2' },
      validated([], { target: '?a=1' }),
    ],
  },
  {
    id: 'search-not-opted-in',
    clause: 'RFC 9111 §2',
    promise: 'where the site has not opted in the field says nothing',
    steps: [fetched(varying('params'), { target: '?a=1' }), missed({ target: '?a=2' })],
  },
]

const RULES: readonly Case[] = [
  {
    id: 'query-drop',
    clause: 'RFC 9111 §2',
    promise: 'a parameter that the site drops is neither keyed nor sent',
    site: { query: { drop: ['utm'] } },
    steps: [fetched(FRESH, { target: '?utm=1&a=1' }), hit({ target: '?a=1&utm=2' })],
  },
  {
    id: 'query-keep',
    clause: 'RFC 9111 §2',
    promise: 'where the site keeps some parameters the others are neither keyed nor sent',
    site: { query: { keep: ['a'] } },
    steps: [
      fetched(FRESH, { target: '?a=1&b=1' }),
      hit({ target: '?b=2&a=1' }),
      missed({ target: '?a=2' }),
    ],
  },
  {
    id: 'query-sort',
    clause: 'RFC 9111 §2',
    promise: 'where the site sorts parameters their order makes no difference',
    site: { query: { sort: true } },
    steps: [fetched(FRESH, { target: '?b=2&a=1' }), hit({ target: '?a=1&b=2' })],
  },
]

export const SEARCH: readonly Case[] = [...OPTED_IN, ...RULES]
