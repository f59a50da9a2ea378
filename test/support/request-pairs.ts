// GET requests in parts, and small changes to them: some that leave the cache key as it is, some that do not.

import * as fc from 'fast-check'

import type { RawRequest } from '#core/entry/asked.ts'
import type { Fields } from '#core/entry/fields.ts'

/** A request of which each part can be changed, and said what it means. */
export interface RequestParts {
  readonly authority: Authority
  readonly httpVersion: '1.1' | '1.0'
  /** Raw. */
  readonly path: string
  /** Raw parameters; `undefined` without a question mark. */
  readonly parameters: readonly string[] | undefined
  /** Without Host and Accept-Encoding. */
  readonly lines: Fields
  readonly accepting: Accepting
  /** Fields that Connection names, which are for this connection only then; empty for none. */
  readonly hop: (typeof HOPS)[number]
}

interface Authority {
  readonly canonical: string
  readonly spelled: string
}

interface Accepting {
  readonly spelled: string | undefined
  /** Codings that the value accepts. */
  readonly codings: readonly string[]
}

export function rawRequestOf(parts: RequestParts): RawRequest {
  const { authority, httpVersion, lines, accepting, hop } = parts
  const { spelled } = accepting
  const encoding = spelled === undefined ? [] : ['Accept-Encoding', spelled]
  const connection = hop === '' ? [] : ['Connection', `close, ${hop}`, 'X-Hop', CANARY]
  return {
    method: 'GET',
    target: targetOf(parts),
    httpVersion,
    lines: ['Host', authority.spelled, ...lines, ...encoding, ...connection],
    body: undefined,
  }
}

export function targetOf({ path, parameters }: RequestParts): string {
  return parameters === undefined ? path : `${path}?${parameters.join('&')}`
}

const HOSTS: readonly Authority[] = [
  {
    canonical: 'a.example',
    spellings: [
      'a.example',
      'A.Example',
      'a.example.',
      'a.example:80',
      'A.EXAMPLE.:',
      'a.example:080',
    ],
  },
  { canonical: 'b.example', spellings: ['b.example', 'B.example'] },
  {
    canonical: 'a.example:8443',
    spellings: ['a.example:8443', 'A.example.:8443', 'a.example:08443'],
  },
  { canonical: 'ab.example', spellings: ['ab.example'] },
].flatMap(({ canonical, spellings }) => spellings.map((spelled) => ({ canonical, spelled })))

const PATHS = ['/', '/a', '/a/b', '//a', '/A', '/a;b=1', '/%61', '/a%2fb', '/b.example/a', '/a%20b']

/** Cloaking, duplicates, separators of others, names that differ by their encoding only (T-32). */
const PARAMETERS = [
  'a=1',
  'a=2',
  'b=1',
  'b',
  'c=/a?b',
  'A=1',
  'a[]=1',
  'a=1%26b=2',
  '%61=1',
  'a=1;utm_source=x',
  '',
  '=',
  'a+b',
  'sort=z',
]
const DROPPED = ['utm_source=x', 'utm_source=y', 'utm_source', 'utm_content=x;a=2', 'fbclid=1=2']

const ACCEPTINGS: readonly Accepting[] = [
  {
    codings: [],
    spellings: [undefined, '', 'identity', 'gzip;q=0', 'deflate', 'gzip;x=1', '"br"'],
  },
  { codings: ['gzip'], spellings: ['gzip', 'GZIP', 'x-gzip', 'gzip ;q=0.5', 'deflate, gzip'] },
  { codings: ['br', 'gzip'], spellings: ['gzip, br', 'br;q=0.1,gzip', 'BR, deflate,gzip;q=1.0'] },
  { codings: ['br'], spellings: ['br', 'br, identity;q=0', 'gzip;q=0, br'] },
  { codings: ['zstd', 'br', 'gzip'], spellings: ['*', 'gzip, deflate, br, zstd', '*;q=0.1'] },
].flatMap(({ codings, spellings }) => spellings.map((spelled) => ({ codings, spelled })))

/** Fields of which some sites send all, and some only those that they list. */
const COMMON: readonly (readonly [string, string])[] = [
  ['Accept', '*/*'],
  ['Accept', 'text/html'],
  ['Accept-Language', 'en'],
  ['Accept-Language', 'de, en'],
  ['User-Agent', 'curl/8'],
  ['User-Agent', 'other'],
  ['X-Key', 'one'],
  ['X-Key', 'two'],
  ['Cookie', 'session=1'],
  ['Origin', 'https://a.example'],
  ['Referer', 'https://a.example/'],
  ['Cache-Control', 'max-age=0'],
  ['Cache-Control', 'no-store'],
  ['Pragma', 'no-cache'],
  ['Priority', 'u=1'],
  ['Via', '1.1 other'],
  ['CDN-Loop', 'other'],
  ['X-Custom', 'a, b'],
]

/** What may differ between origin requests for one key, or is said anew in each. */
const FREE: readonly (readonly [string, string])[] = [
  ['Range', 'bytes=0-99'],
  ['Range', 'bytes=-5'],
  ['If-Range', '"a"'],
  ['If-None-Match', '"a"'],
  ['If-Modified-Since', 'Fri, 20 Nov 2026 12:00:00 GMT'],
  ['If-Match', '"a"'],
  ['If-Unmodified-Since', 'Fri, 20 Nov 2026 12:00:00 GMT'],
  ['Authorization', 'Basic YTpi'],
  ['Authorization', 'Bearer x'],
  ['Content-Length', '0'],
  ['Expect', '100-continue'],
  ['Max-Forwards', '5'],
]

/** In every value that no origin may see. */
export const CANARY = 'canary'

/** Fields that would let a client speak for us, or poison what is stored (T-30, T-36). */
const ATTACKS: readonly (readonly [string, string])[] = [
  'X-Forwarded-Host',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'x-forwarded-anything',
  'Forwarded',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Host',
  'X-Real-IP',
  'X-HTTP-Method-Override',
  'X-Method-Override',
  'X_Forwarded_Host',
  'x_key',
  'X-Sluice-Peer',
  'Proxy-Authorization',
  'Proxy-Connection',
  'Keep-Alive',
  'TE',
  'Trailer',
  'Upgrade',
  'HTTP2-Settings',
  'Traceparent',
  'Tracestate',
].map((name) => [name, `${CANARY}-1`] as const)

/** One of them is a field that some origins are sent. */
const HOPS = ['', 'X-Hop', 'X-Hop, x-key'] as const

const lineLists = fc
  .array(fc.constantFrom(...COMMON, ...FREE, ...ATTACKS.slice(0, 3)), { maxLength: 5 })
  .map((pairs): Fields => singled(pairs.flat()))

export const requestParts: fc.Arbitrary<RequestParts> = fc.record({
  authority: fc.constantFrom(...HOSTS),
  httpVersion: fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
  path: fc.constantFrom(...PATHS),
  parameters: fc.option(fc.array(fc.constantFrom(...PARAMETERS, ...DROPPED), { maxLength: 4 }), {
    nil: undefined,
  }),
  lines: lineLists,
  accepting: fc.constantFrom(...ACCEPTINGS),
  hop: fc.constantFrom(...HOPS),
})

/** Which change, and which of those there are. */
export type Mutation = readonly [kind: number, choice: number]

type Change = (parts: RequestParts, choice: number) => RequestParts

function pick<T>(list: readonly T[], choice: number): T {
  const item = list[choice % list.length]
  if (item === undefined) throw new Error('Cannot pick from nothing')
  return item
}

/** The items from one place on, and then those before it. */
function rotated<T>(items: readonly T[], by: number): readonly T[] {
  const at = items.length === 0 ? 0 : by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}

function pairsOf(lines: Fields): readonly (readonly [string, string])[] {
  return lines.flatMap((name, i) => (i % 2 === 0 ? [[name, lines[i + 1] ?? ''] as const] : []))
}

/** Fields that must not be there twice, once; the last one holds. */
function singled(lines: Fields): Fields {
  const single =
    /^(?:range|if-range|authorization|content-length|expect|if-modified-since|if-unmodified-since)$/i
  const pairs = pairsOf(lines)
  return pairs
    .filter(
      ([name], i) =>
        !single.test(name) ||
        !pairs.slice(i + 1).some(([other]) => other.toLowerCase() === name.toLowerCase()),
    )
    .flat()
}

function withLine(parts: RequestParts, line: readonly string[]): RequestParts {
  return { ...parts, lines: singled([...parts.lines, ...line]) }
}

function withParameters(
  parts: RequestParts,
  change: (parameters: readonly string[]) => readonly string[],
): RequestParts {
  return { ...parts, parameters: change(parts.parameters ?? []) }
}

function inOtherCase(text: string): string {
  return text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase()
}

/** Changes that leave most keys as they are come more than once. */
const CHANGES: readonly Change[] = [
  // The same authority, spelled in another way.
  (parts, choice) => {
    const same = HOSTS.filter(({ canonical }) => canonical === parts.authority.canonical)
    return { ...parts, authority: pick(same, choice) }
  },
  (parts, choice) => ({ ...parts, authority: pick(HOSTS, choice) }),
  (parts, choice) => ({ ...parts, path: pick(PATHS, choice) }),
  (parts, choice) => withParameters(parts, (list) => [...list, pick(PARAMETERS, choice)]),
  (parts, choice) =>
    withParameters(parts, (list) =>
      list.toSpliced(choice % (list.length + 1), 0, pick(DROPPED, choice)),
    ),
  (parts, choice) =>
    withParameters(parts, (list) =>
      list.toSpliced(choice % (list.length + 1), 0, pick(DROPPED, choice)),
    ),
  (parts, choice) => withParameters(parts, (list) => rotated(list, 1 + (choice % 3))),
  (parts, choice) =>
    withParameters(parts, (list) => [...list, ...rotated(list, choice).slice(0, 1)]),
  (parts) => ({ ...parts, parameters: parts.parameters === undefined ? [] : undefined }),
  (parts, choice) => withLine(parts, pick(ATTACKS, choice)),
  (parts, choice) => withLine(parts, pick(ATTACKS, choice)),
  (parts, choice) => withLine(parts, pick(FREE, choice)),
  (parts, choice) => withLine(parts, pick(FREE, choice)),
  (parts, choice) => withLine(parts, pick(COMMON, choice)),
  (parts, choice) => ({ ...parts, hop: pick(HOPS, choice) }),
  (parts, choice) => ({
    ...parts,
    lines: pairsOf(parts.lines)
      .toSpliced(choice % 5, 1)
      .flat(),
  }),
  (parts, choice) => ({ ...parts, lines: rotated(pairsOf(parts.lines), choice).flat() }),
  (parts, choice) => ({
    ...parts,
    lines: singled([...parts.lines, ...rotated(pairsOf(parts.lines), choice).slice(0, 1).flat()]),
  }),
  (parts) => ({
    ...parts,
    lines: parts.lines.map((text, i) => (i % 2 === 0 ? inOtherCase(text) : text)),
  }),
  (parts, choice) => {
    const { codings } = parts.accepting
    const same = ACCEPTINGS.filter((other) => other.codings.join() === codings.join())
    return { ...parts, accepting: pick(same, choice) }
  },
  (parts, choice) => ({ ...parts, accepting: pick(ACCEPTINGS, choice) }),
  (parts) => ({ ...parts, httpVersion: parts.httpVersion === '1.1' ? '1.0' : '1.1' }),
]

export function mutated(parts: RequestParts, mutations: readonly Mutation[]): RequestParts {
  return mutations.reduce((changed, [kind, choice]) => pick(CHANGES, kind)(changed, choice), parts)
}

export const mutationLists: fc.Arbitrary<readonly Mutation[]> = fc.array(
  fc.tuple(fc.nat({ max: CHANGES.length - 1 }), fc.nat({ max: 59 })),
  { minLength: 1, maxLength: 3 },
)
