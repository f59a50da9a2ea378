// Ways to say what must not be shared, right and wrong, as field lines; for tests of who gets what.

export type Spelling = readonly string[]

const EXPIRES = 'Expires: Fri, 01 Jan 2100 00:00:00 GMT'

function cacheControl(...values: readonly string[]): readonly Spelling[] {
  return values.map((value) => [`Cache-Control: ${value}`])
}

/** However it is spelled: for nobody else, whoever asked and whatever the policy (RFC 9111 §5.2.2). */
export const FORBIDDEN: readonly Spelling[] = [
  ...cacheControl(
    'private, max-age=60',
    'Private, max-age=60',
    'max-age=60,PRIVATE',
    'private="", max-age=60',
    'private, private="x", max-age=60',
    'max-age=60, private="x", private',
    'max-age=60, private="',
    'max-age=60, private="x',
    'max-age=60, private=',
    'max-age=60, private=?0',
    'private= "x", max-age=60',
    'private ="x", max-age=60',
    ',private,,max-age=60',
    '\tprivate\t,\tmax-age=60\t',
    'max-age=60;private',
    'max-age=60 private',
    'public private, max-age=60',
    '"private", max-age=60',
    'public, private, max-age=60',
    's-maxage=60, private',
    'must-revalidate, private, s-maxage=60',
    'x="a", private, max-age=60',
    'max-age=60, x="a, private',
    'max-age="60", private',
    'max-age=60, x="\\", private',
    'no-store',
    'No-Store, max-age=60',
    'max-age=60, NO-STORE',
    'no-store="x", max-age=60',
    'max-age=60, no-store=',
    'max-age=60, no-store="',
    '"no-store", max-age=60',
    'no-store max-age=60',
    'public, s-maxage=60, no-store',
    'max-age=60;no-store',
    'max-age=60, no-store, max-age=60',
    `max-age=60, ${'x=y, '.repeat(500)}no-store`,
  ),
  ['Cache-Control: max-age=60', 'Cache-Control: private'],
  ['Cache-Control: private', 'Cache-Control: max-age=60'],
  ['Cache-Control: public, max-age=60', 'X: y', 'cAcHe-CoNtRoL: no-store'],
  ['Cache-Control: max-age=60, x="', 'Cache-Control: private', 'Cache-Control: "'],
  ['Cache-Control: private', EXPIRES],
  ['CDN-Cache-Control: no-store', 'Cache-Control: public, max-age=60'],
  ['CDN-Cache-Control: private, max-age=60', 'Cache-Control: public, max-age=60'],
  ['CDN-Cache-Control: max-age=60, private="x"', 'Cache-Control: public, max-age=60'],
  ['CDN-Cache-Control: max-age=60', 'CDN-Cache-Control: no-store'],
  ['Cache-Control: public, max-age=60', 'Vary: *'],
  ['Cache-Control: public, max-age=60', 'Vary: accept-encoding, *'],
  ['Cache-Control: public, max-age=60', 'Vary: accept-encoding', 'Vary: ,*'],
]

/** Of a field of the response alone: under the careful policy that is read as the whole (RFC 9111 §5.2.2.7). */
export const QUALIFIED: readonly Spelling[] = cacheControl(
  'private="x-secret", max-age=60',
  'private=x-secret, max-age=60',
  'max-age=60, Private="X-SECRET"',
  'private="x-other, x-secret", max-age=60',
  'private=" ,x-secret ,, ", max-age=60',
  'private="x-other", private="x-secret", max-age=60',
  'public, s-maxage=60, private="x-secret"',
  'no-cache="x-secret", private="x-secret", max-age=60',
)

/** Nothing that could be the name of a field: then it is of the whole. */
export const MISQUALIFIED: readonly Spelling[] = cacheControl(
  'private="x secret", max-age=60',
  'private="x-secret;", max-age=60',
  'private="\\"x-secret\\"", max-age=60',
  'private=",", max-age=60',
  'private=" ", max-age=60',
  'private="x-secret, x secret", max-age=60',
  'private="x-secret", private, max-age=60',
  'private, private="x-secret", max-age=60',
  'private="x-secret", private="", max-age=60',
  'private="x-secret"x, max-age=60',
  'private="x-secret" "x", max-age=60',
  'private=[x-secret], max-age=60',
)

/** The same, where it has to be seen through what is around it. */
export const FORBIDDEN_OBSCURELY: readonly Spelling[] = [
  ['Cache-Control: max-age=60', 'Cache-Control: private, x="caf\xe9"'],
  ['Cache-Control: max-age=60', 'Cache-Control: no-store\xa0'],
  ['Cache-Control: no-store, caf\xe9', EXPIRES],
  ['Cache-Control: public, max-age=60', 'Vary: *, caf\xe9'],
  ['Cache-Control: public, max-age=60', 'Vary: *;q=1'],
  ['Cache-Control: public, max-age=60', 'Vary: "*"'],
  ['Cache-Control: public, max-age=60', 'Vary: accept-language;x'],
  ['Cache-Control: public, max-age=60', 'Vary: accept language'],
  ['Cache-Control: max-age=60, private:'],
  ['Cache-Control: max-age=60, (private)'],
  ['Cache-Control: max-age=60, private/x'],
  ['Cache-Control: max-age=60, =private'],
  ['Cache-Control: \\private, max-age=60'],
  ['Cache-Control: max-age=60, no-store"'],
  ['Cache-Control: max-age=60, "no-store'],
  ['Cache-Control: max-age=60,;no-store'],
  ['Connection: cache-control', 'Cache-Control: private', EXPIRES],
  ['Connection: vary', 'Vary: *', 'Cache-Control: max-age=60'],
]

/** Under the careful policy, for it is said to one client (RFC 6265 §3). */
export const WITH_COOKIE: readonly Spelling[] = [
  ['Set-Cookie: id=1', 'Cache-Control: public, max-age=60'],
  ['set-cookie: id=1; HttpOnly', 'Set-Cookie: b=2', 'Cache-Control: s-maxage=60'],
  ['Set-Cookie: ', EXPIRES],
]
export const WITH_COOKIE_OBSCURELY: readonly Spelling[] = [
  ['Set-Cookie: id=caf\xe9', 'Cache-Control: max-age=60'],
  ['Connection: set-cookie', 'Set-Cookie: id=1', 'Cache-Control: max-age=60'],
]

/** Good for a time, and not said to be for all: never for others if it was asked for with credentials. */
export const UNSAID: readonly Spelling[] = [
  ...cacheControl(
    'max-age=60',
    'max-age=60, immutable',
    'max-age=60, proxy-revalidate',
    'max-age=60, stale-while-revalidate=60, stale-if-error=60',
    'max-age=60, must-understand',
    'max-age=60, pub lic',
    'max-age=60, x="public"',
    'max-age=60, s_maxage=60',
    'max-age="60"',
  ),
  [EXPIRES],
  ['CDN-Cache-Control: max-age=60', 'Cache-Control: public'],
  ['Vary: Authorization, Cookie', 'Cache-Control: max-age=60'],
  [],
]

/** Good for no time at all: each who asks causes a question to the origin (RFC 9111 §4.2.1). */
export const NEVER_FRESH: readonly Spelling[] = [
  ...cacheControl(
    'max-age=0',
    'max-age=-1',
    'max-age=1e9',
    'max-age=60.0',
    'max-age=0x60',
    'max-age=sixty',
    'max-age',
    'max-age=',
    'max-age="60',
    "max-age='60'",
    'max-age=60, max-age=0',
    's-maxage=x, max-age=60',
    's-maxage=0, max-age=60',
    'no-cache, max-age=60',
    'NO-CACHE, max-age=60',
    'max-age=60, no-cache="',
    'max-age=60, no-cache=""',
    'max-age=60, no-cache="date"',
    'max-age=60, no-cache=date',
    '"no-cache", max-age=60',
    'public, max-age=0, must-revalidate',
  ),
  ['Expires: 0'],
  ['Expires: -1', 'Cache-Control: public'],
  ['Expires: Thu, 01 Jan 1970 00:00:00 GMT'],
  [EXPIRES, EXPIRES],
  ['Cache-Control: max-age=60', 'Age: 61'],
  ['Cache-Control: max-age=60', 'Date: Thu, 01 Jan 2026 00:00:00 GMT'],
]
