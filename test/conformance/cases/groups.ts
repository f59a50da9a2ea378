// Cache groups (RFC 9875).

import type { Case, Lines, Step } from '../case.ts'
import { FRESH_TAGGED, STALE_TAGGED, changed, fetched, hit, validated } from '../steps.ts'

function grouped(value: string): Lines {
  return [...FRESH_TAGGED, ['Cache-Groups', value]]
}

function invalidating(value: string): Step {
  return { ...changed('POST', { fields: [['Cache-Group-Invalidation', value]] }), target: '/p' }
}

/** Two targets of one group, and what becomes of the second. */
function groupCase(
  id: string,
  promise: string,
  groups: string,
  step: Step,
  isInvalidated: boolean,
): Case {
  return {
    id: `group-${id}`,
    clause: 'RFC 9875 §3',
    promise,
    steps: [
      fetched(grouped(groups), { target: '/b' }),
      step,
      isInvalidated ? validated([], { target: '/b' }) : hit({ target: '/b' }),
    ],
  }
}

export const GROUPS: readonly Case[] = [
  groupCase(
    'shared',
    'an unsafe method invalidates the groups that its answer names',
    '"g1"',
    invalidating('"g1"'),
    true,
  ),
  groupCase(
    'one-of-several',
    'one group in common is enough',
    '"a1", "g2"',
    invalidating('"g2", "x"'),
    true,
  ),
  groupCase('other', 'other groups are left alone', '"g3"', invalidating('"g4"'), false),
  groupCase('case', 'groups are compared by case', '"G5"', invalidating('"g5"'), false),
  groupCase(
    'parameters',
    'parameters of a group are ignored',
    '"g6";a=1',
    invalidating('"g6";b'),
    true,
  ),
  groupCase(
    'token',
    'a group that is no string makes the field none',
    'g7',
    invalidating('"g7"'),
    false,
  ),
  groupCase(
    'bad-invalidation',
    'an invalidation that does not parse is none',
    '"g8"',
    invalidating('"g8'),
    false,
  ),
  groupCase(
    'safe-method',
    'an invalidation in the answer to a safe method is ignored',
    '"g9"',
    { ...changed('OPTIONS', { fields: [['Cache-Group-Invalidation', '"g9"']] }), target: '/p' },
    false,
  ),
  groupCase(
    'get',
    'an invalidation in the answer to GET is ignored',
    '"g10"',
    fetched([['Cache-Group-Invalidation', '"g10"']], { target: '/p' }),
    false,
  ),
  {
    id: 'group-no-cascade',
    clause: 'RFC 9875 §2.2',
    promise: 'what is invalidated by a group does not invalidate its other groups',
    steps: [
      fetched(grouped('"g11", "g12"'), { target: '/a' }),
      fetched(grouped('"g12"'), { target: '/b' }),
      invalidating('"g11"'),
      hit({ target: '/b', of: 2 }),
    ],
  },
  {
    id: 'group-by-target',
    clause: 'RFC 9875 §2.2',
    promise: 'an unsafe method on one of a group invalidates the others with it',
    steps: [
      fetched(grouped('"g13"'), { target: '/a' }),
      fetched(grouped('"g13"'), { target: '/b' }),
      { ...changed('POST'), target: '/a' },
      validated([], { target: '/b', of: 2 }),
    ],
  },
  {
    id: 'group-by-failed-target',
    clause: 'RFC 9875 §2.2',
    promise: 'an unsafe method that fails invalidates no group',
    steps: [
      fetched(grouped('"g15"'), { target: '/a' }),
      fetched(grouped('"g15"'), { target: '/b' }),
      { ...changed('POST', { status: 500 }), target: '/a' },
      hit({ target: '/b', of: 2 }),
    ],
  },
  {
    id: 'group-updated',
    clause: 'RFC 9111 §4.3.4',
    promise: 'a 304 may put a response in another group',
    steps: [
      fetched([...STALE_TAGGED, ['Cache-Groups', '"g16"']], { target: '/b' }),
      validated([['Cache-Groups', '"g17"']], { target: '/b' }),
      invalidating('"g16"'),
      hit({ target: '/b' }),
      invalidating('"g17"'),
      validated([], { target: '/b' }),
    ],
  },
  {
    id: 'group-kept',
    clause: 'RFC 9875 §2',
    promise: 'Cache-Groups is passed on, from the origin and from the store',
    steps: [
      fetched(grouped('"g14"'), {
        expect: { asked: true, fields: { 'cache-groups': '"g14"' } },
      }),
      hit({ expect: { asked: false, fields: { 'cache-groups': '"g14"' } } }),
    ],
  },
  {
    id: 'group-many',
    clause: 'RFC 9875 §2',
    promise: 'at least 32 groups of 32 characters are known',
    steps: [
      fetched(
        grouped(
          Array.from({ length: 32 }, (_, i) => `"many-${String(i).padStart(27, '0')}"`).join(', '),
        ),
        { target: '/b' },
      ),
      invalidating(`"many-${'31'.padStart(27, '0')}"`),
      validated([], { target: '/b' }),
    ],
  },
]
