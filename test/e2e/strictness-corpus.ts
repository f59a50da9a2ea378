// Byte strings that a strict server must not misunderstand, by the number of their threat.

export interface StrictnessCase {
  /** Threat, and what is sent in a few words. */
  readonly name: string
  readonly bytes: string
  /** Of the first answer; `none`: the connection ends without one. */
  readonly status: number | readonly number[]
  /** Whether the connection ends after it; by default after 400 and above, but 404, 405 and 508. */
  readonly closes?: boolean
  /** Targets the origin may see because of the bytes; default none. */
  readonly origin?: readonly string[]
}

/** What a request hidden in a body or behind garbage would ask for. */
const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'

function get(fields: readonly string[], rest = ''): string {
  return ['GET /ok HTTP/1.1', 'Host: a', ...fields, '', rest].join('\r\n')
}

function post(fields: readonly string[], rest = ''): string {
  return ['POST /ok HTTP/1.1', 'Host: a', ...fields, '', rest].join('\r\n')
}

function line(requestLine: string, fields: readonly string[] = ['Host: a']): string {
  return [requestLine, ...fields, '', ''].join('\r\n')
}

type Row = readonly [name: string, bytes: string]

function all(
  threat: string,
  rows: readonly Row[],
  expected: Omit<StrictnessCase, 'name' | 'bytes'>,
): readonly StrictnessCase[] {
  return rows.map(([name, bytes]) => ({ name: `${threat}: ${name}`, bytes, ...expected }))
}

const LENGTH_AND_CODING: readonly StrictnessCase[] = [
  ...all(
    'T-01',
    [
      [
        'POST with CL then TE',
        post(['Content-Length: 6', 'Transfer-Encoding: chunked'], '0\r\n\r\nG'),
      ],
      [
        'POST with TE then CL',
        post(['Transfer-Encoding: chunked', 'Content-Length: 6'], '0\r\n\r\nG'),
      ],
      [
        'GET with CL then TE',
        get(['Content-Length: 6', 'Transfer-Encoding: chunked'], '0\r\n\r\nG'),
      ],
      ['two different CL', get(['Content-Length: 1', 'Content-Length: 2'], 'aG')],
      ['two equal CL', get(['Content-Length: 5', 'Content-Length: 5'], 'hello')],
      ['CL of zero twice', get(['Content-Length: 0', 'Content-Length: 0'])],
      ['CL "1, 1"', get(['Content-Length: 1, 1'], 'a')],
      ['CL "0, 0"', get(['Content-Length: 0, 0'])],
      ['CL "+1"', get(['Content-Length: +1'], 'a')],
      ['CL "-1"', get(['Content-Length: -1'], 'a')],
      ['CL "0x1"', get(['Content-Length: 0x1'], 'a')],
      ['CL "1e1"', get(['Content-Length: 1e1'], 'a')],
      ['CL "1 1"', get(['Content-Length: 1 1'], 'a')],
      ['CL "1;"', get(['Content-Length: 1;'], 'a')],
      ['CL ",1"', get(['Content-Length: ,1'], 'a')],
      ['CL "1_0"', get(['Content-Length: 1_0'], 'a')],
      ['CL "01"', get(['Content-Length: 01'], 'a')],
      ['empty CL', get(['Content-Length: '])],
      ['CL of 2^64', get(['Content-Length: 18446744073709551616'], 'a')],
      ['CL of 2^64 + 1', get(['Content-Length: 18446744073709551617'], 'a')],
      ['space before the colon of CL', get(['Content-Length : 1'], 'a')],
      ['tab before the colon of CL', get(['Content-Length\t: 1'], 'a')],
      ['CL folded', get(['Content-Length:', ' 1'], 'a')],
      ['CL of zero and TE', get(['Content-Length: 0', 'Transfer-Encoding: chunked'], '0\r\n\r\n')],
      ['CL with NUL', get(['Content-Length: 1\0'], 'a')],
    ],
    { status: 400 },
  ),
  {
    name: 'T-01: Content_Length is no Content-Length, and what follows is a request of its own',
    bytes: get(['Content_Length: 4']),
    status: 200,
    origin: ['/ok'],
  },
  { name: 'T-01: CL of zero', bytes: get(['Content-Length: 0']), status: 200, origin: ['/ok'] },
]

const CODINGS: readonly StrictnessCase[] = [
  ...all(
    'T-02',
    [
      ['xchunked', get(['Transfer-Encoding: xchunked'], '0\r\n\r\n')],
      ['chunked, identity', get(['Transfer-Encoding: chunked, identity'], '0\r\n\r\n')],
      ['chunked, chunked', get(['Transfer-Encoding: chunked, chunked'], '0\r\n\r\n')],
      ['gzip, chunked', get(['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n')],
      ['identity', get(['Transfer-Encoding: identity'], '0\r\n\r\n')],
      ['gzip', get(['Transfer-Encoding: gzip'], '0\r\n\r\n')],
      ['chunked;a=b', get(['Transfer-Encoding: chunked;a=b'], '0\r\n\r\n')],
      ['quoted', get(['Transfer-Encoding: "chunked"'], '0\r\n\r\n')],
      ['vertical tab before', get(['Transfer-Encoding: \x0bchunked'], '0\r\n\r\n')],
      ['vertical tab after', get(['Transfer-Encoding: chunked\x0b'], '0\r\n\r\n')],
      ['folded', get(['Transfer-Encoding:', ' chunked'], '0\r\n\r\n')],
      ['two lines', get(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n')],
      [
        'two lines, one unknown',
        get(['Transfer-Encoding: x', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      ],
      ['chunked, comma', get(['Transfer-Encoding: chunked,'], '0\r\n\r\n')],
      ['empty', get(['Transfer-Encoding:'], '0\r\n\r\n')],
      ['space before the colon', get(['Transfer-Encoding : chunked'], '0\r\n\r\n')],
      ['tab before chunked', get(['Transfer-Encoding:\tchunked'], '0\r\n\r\n')],
      ['plain chunked on GET', get(['Transfer-Encoding: chunked'], '0\r\n\r\n')],
      ['upper case', get(['Transfer-Encoding: CHUNKED'], '0\r\n\r\n')],
      [
        'on HTTP/1.0',
        line('GET /ok HTTP/1.0', ['Host: a', 'Transfer-Encoding: chunked']) + '0\r\n\r\n',
      ],
      [
        'on HTTP/1.0 with keep-alive',
        line('GET /ok HTTP/1.0', [
          'Host: a',
          'Connection: keep-alive',
          'Transfer-Encoding: chunked',
        ]) + '0\r\n\r\n',
      ],
    ],
    { status: [400, 501] },
  ),
  {
    name: 'T-02: Transfer_Encoding is another field',
    bytes: get(['Transfer_Encoding: chunked']),
    status: 200,
    origin: ['/ok'],
  },
]

const CHUNKED = ['Transfer-Encoding: chunked']

const BODIES: readonly StrictnessCase[] = [
  ...all(
    'T-03',
    [
      ['extension with bare LF', post(CHUNKED, '5;\nxx\r\nhello\r\n0\r\n\r\n')],
      ['size ended by LF', post(CHUNKED, '5\nhello\r\n0\r\n\r\n')],
      ['space after the size', post(CHUNKED, '5 \r\nhello\r\n0\r\n\r\n')],
      ['data longer than its size', post(CHUNKED, '5\r\nhelloXX0\r\n\r\n')],
      ['open quote in an extension', post(CHUNKED, '5;a="b\r\nhello\r\n0\r\n\r\n')],
      ['last chunk ended by LF', post(CHUNKED, '0\n\r\n')],
      ['hexadecimal prefix', post(CHUNKED, '0x5\r\nhello\r\n0\r\n\r\n')],
      ['size of 2^64', post(CHUNKED, '10000000000000000\r\nhello\r\n0\r\n\r\n')],
      ['negative size', post(CHUNKED, '-5\r\nhello\r\n0\r\n\r\n')],
      ['data ended by CR alone', post(CHUNKED, '5\r\nhello\r0\r\n\r\n')],
      ['hidden request after the last chunk', post(CHUNKED, `0\r\n\r\n${HIDDEN}`)],
    ],
    { status: [400, 405], closes: true },
  ),
  ...all(
    'T-04',
    [
      ['GET with a request as its body', get([`Content-Length: ${HIDDEN.length}`], HIDDEN)],
      [
        'GET chunked with a request as its body',
        get(CHUNKED, `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`),
      ],
      ['GET with TE.0', get(CHUNKED, `0\r\n\r\n${HIDDEN}`)],
      [
        'HEAD with a request as its body',
        line('HEAD /ok HTTP/1.1', ['Host: a', `Content-Length: ${HIDDEN.length}`]) + HIDDEN,
      ],
      ['GET whose body never comes', get(['Content-Length: 1000000'])],
    ],
    { status: 400 },
  ),
  ...all(
    'T-04',
    [
      [
        'OPTIONS chunked',
        line('OPTIONS /ok HTTP/1.1', ['Host: a', ...CHUNKED]) + `0\r\n\r\n${HIDDEN}`,
      ],
      ['POST with a request as its body', post([`Content-Length: ${HIDDEN.length}`], HIDDEN)],
      [
        'DELETE whose body never comes',
        line('DELETE /ok HTTP/1.1', ['Host: a', 'Content-Length: 9']),
      ],
    ],
    { status: [400, 405], closes: true },
  ),
  {
    name: 'T-05: Expect without a body is ignored',
    bytes: get(['Expect: 100-continue']),
    status: 200,
    // Who expects 100 may send bytes after a final answer all the same.
    closes: true,
    origin: ['/ok'],
  },
  ...all(
    'T-05',
    [
      ['unknown expectation', get(['Expect: y 100-continue'])],
      ['another token', get(['Expect: 200-ok'])],
    ],
    { status: 417 },
  ),
  ...all(
    'T-05',
    [
      ['folded', get(['Expect:', ' 100-continue'])],
      ['with a body', get(['Expect: 100-continue', 'Content-Length: 5'])],
    ],
    { status: 400 },
  ),
]

const LINES: readonly StrictnessCase[] = [
  ...all(
    'T-06',
    [
      ['obs-fold', get(['X: a', ' b'])],
      ['obs-fold with tab', get(['X: a', '\tb'])],
      ['bare CR in a value', get(['X: a\rb'])],
      ['bare LF between fields', 'GET /ok HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
      ['bare LF throughout', 'GET /ok HTTP/1.1\nHost: a\n\n'],
      ['CR CR LF', 'GET /ok HTTP/1.1\r\nHost: a\r\r\n\r\n'],
      ['CR X after the head', 'GET /ok HTTP/1.1\r\nHost: a\r\n\rX'],
      ['NUL in a value', get(['X: a\0b'])],
      ['BEL in a value', get(['X: a\x07b'])],
      ['DEL in a value', get(['X: a\x7fb'])],
      ['escape in a value', get(['X: \x1b[2J'])],
      ['NUL in a name', get(['X\0Y: a'])],
      ['space in a name', get(['X Y: a'])],
      ['space before the colon', get(['X : a'])],
      ['no name', get([': a'])],
      ['no colon', get(['nonsense'])],
      ['parenthesis in a name', get(['X(: a'])],
      ['obs-text in a name', get(['X\xe4: a'])],
      ['first field indented', 'GET /ok HTTP/1.1\r\n Host: a\r\n\r\n'],
    ],
    { status: 400 },
  ),
  ...all(
    'T-06',
    [
      ['obs-text in a value is dropped', get(['X: caf\xe9'])],
      ['CRLF before the request line', `\r\n${get([])}`],
    ],
    { status: 200, origin: ['/ok'] },
  ),
  ...all(
    'T-07',
    [
      ['no version, bare LF', 'GET /ok\nHost: a\r\nContent-Length: 5\r\n\r\nhello'],
      ['HTTP/0.9', 'GET /ok\r\n\r\n'],
      ['HTTP/2.0 in clear', line('GET /ok HTTP/2.0')],
      ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
      ['HTTP/1.2', line('GET /ok HTTP/1.2')],
      ['HTTP/1.10', line('GET /ok HTTP/1.10')],
      ['HTTP/3.0', line('GET /ok HTTP/3.0')],
      ['HTTP/0.9 named', line('GET /ok HTTP/0.9')],
      ['lower case', line('GET /ok http/1.1')],
      ['no minor', line('GET /ok HTTP/1')],
      ['space after the version', line('GET /ok HTTP/1.1 ')],
      ['a fourth word', line('GET /ok HTTP/1.1 X')],
    ],
    { status: [400, 505], closes: true },
  ),
]

const HOSTS: readonly StrictnessCase[] = [
  ...all(
    'T-08',
    [
      ['none', line('GET /ok HTTP/1.1', ['X: a'])],
      ['none on HTTP/1.0', line('GET /ok HTTP/1.0', ['X: a'])],
      ['two', line('GET /ok HTTP/1.1', ['Host: a', 'Host: b'])],
      ['two equal ones', line('GET /ok HTTP/1.1', ['Host: a', 'Host: a'])],
      ['two in other case', line('GET /ok HTTP/1.1', ['Host: a', 'hOST: b'])],
      ['empty', line('GET /ok HTTP/1.1', ['Host: '])],
      ['a list', line('GET /ok HTTP/1.1', ['Host: a,b'])],
      ['userinfo', line('GET /ok HTTP/1.1', ['Host: u@a'])],
      ['a path', line('GET /ok HTTP/1.1', ['Host: a/x'])],
      ['a query', line('GET /ok HTTP/1.1', ['Host: a?x'])],
      ['a fragment', line('GET /ok HTTP/1.1', ['Host: a#x'])],
      ['a port too high', line('GET /ok HTTP/1.1', ['Host: a:99999'])],
      ['a port that is no number', line('GET /ok HTTP/1.1', ['Host: a:b'])],
      ['two ports', line('GET /ok HTTP/1.1', ['Host: a:1:2'])],
      ['a space', line('GET /ok HTTP/1.1', ['Host: a b'])],
      ['a backslash', line('GET /ok HTTP/1.1', ['Host: a\\b'])],
      ['percent-encoding', line('GET /ok HTTP/1.1', ['Host: a%00'])],
      ['obs-text', line('GET /ok HTTP/1.1', ['Host: caf\xe9'])],
      ['two dots at the end', line('GET /ok HTTP/1.1', ['Host: a..'])],
      ['an open bracket', line('GET /ok HTTP/1.1', ['Host: [::1'])],
    ],
    { status: 400 },
  ),
  ...all(
    'T-08',
    [
      ['upper case, trailing dot, default port', line('GET /ok HTTP/1.1', ['Host: A.Example.:80'])],
      ['an address no URL can have', line('GET /ok HTTP/1.1', ['Host: 999.1.1.1'])],
      ['IPv6', line('GET /ok HTTP/1.1', ['Host: [::1]:8080'])],
    ],
    { status: 200, origin: ['/ok'] },
  ),
  ...all(
    'T-09',
    [
      ['absolute-form', line('GET http://evil/x HTTP/1.1')],
      ['absolute-form with the same host', line('GET http://a/ok HTTP/1.1')],
      ['absolute-form with userinfo', line('GET http://a@evil/ HTTP/1.1')],
      ['asterisk-form', line('GET * HTTP/1.1')],
      ['asterisk-form OPTIONS', line('OPTIONS * HTTP/1.1')],
      ['no slash', line('GET ok HTTP/1.1')],
      ['a fragment', line('GET /ok#x HTTP/1.1')],
      ['a backslash', line('GET /ok\\x HTTP/1.1')],
      ['dot segments', line('GET /a/../ok HTTP/1.1')],
      ['encoded dot segments', line('GET /a/%2e%2e/ok HTTP/1.1')],
      ['a dot segment at the end', line('GET /a/.. HTTP/1.1')],
      ['encoded NUL', line('GET /ok%00 HTTP/1.1')],
      ['NUL', line('GET /o\0k HTTP/1.1')],
      ['a tab', line('GET /o\tk HTTP/1.1')],
      ['a space', line('GET /o k HTTP/1.1')],
      ['eight-bit path', line('GET /caf\xe9 HTTP/1.1')],
      ['DEL', line('GET /\x7f HTTP/1.1')],
    ],
    { status: 400 },
  ),
  {
    name: 'T-09: authority-form',
    bytes: line('CONNECT evil:80 HTTP/1.1'),
    status: 405,
    closes: true,
  },
]

const FILLER = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: y`)

const THE_REST: readonly StrictnessCase[] = [
  ...all(
    'T-10',
    [100, 999, 1001, 1998].map(
      (count): Row => [`a second Host behind ${count} fields`, get([...FILLER(count), 'Host: b'])],
    ),
    { status: [400, 431] },
  ),
  ...all(
    'T-10',
    [97, 98, 999, 1001, 1998].map(
      (count): Row => [
        `a length behind ${count} fields`,
        get([...FILLER(count), 'Content-Length: 5'], 'hello'),
      ],
    ),
    { status: [400, 431] },
  ),
  ...all(
    'T-11',
    ['Host: b', 'Authorization: x', 'Content-Length: 5', 'Transfer-Encoding: chunked'].map(
      (trailer): Row => [`trailer ${trailer}`, post(CHUNKED, `0\r\n${trailer}\r\n\r\n`)],
    ),
    { status: [400, 405], closes: true },
  ),
  {
    name: 'T-12: what follows Connection: close is not looked at',
    bytes: get(['Connection: close'], HIDDEN),
    status: 200,
    closes: true,
    origin: ['/ok'],
  },
  ...all(
    'T-12',
    [
      ['garbage behind a request', get([], '\0\0\0\r\n\r\n')],
      ['a malformed request behind a request', get([], `GET /hidden HTTP/1.1\r\nHost : a\r\n\r\n`)],
    ],
    { status: 200, closes: true, origin: ['/ok'] },
  ),
  ...all(
    'T-16',
    [
      [
        'h2c',
        get([
          'Connection: Upgrade, HTTP2-Settings',
          'Upgrade: h2c',
          'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
        ]),
      ],
      [
        'websocket',
        get([
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Key: x',
          'Sec-WebSocket-Version: 13',
        ]),
      ],
    ],
    { status: 200, origin: ['/ok'] },
  ),
  ...all(
    'T-17',
    [
      ['TRACE', line('TRACE /ok HTTP/1.1')],
      ['PURGE', line('PURGE /ok HTTP/1.1')],
      ['QUERY', line('QUERY /ok HTTP/1.1')],
      ['PROPFIND', line('PROPFIND /ok HTTP/1.1')],
      ['POST without a body', post([])],
      ['OPTIONS', line('OPTIONS /ok HTTP/1.1')],
    ],
    { status: 405, closes: false },
  ),
  ...all(
    'T-17',
    [
      ['lower case', line('get /ok HTTP/1.1')],
      ['unknown', line('FOO /ok HTTP/1.1')],
      ['GET with more letters', line('GETT /ok HTTP/1.1')],
      ['empty', line(' /ok HTTP/1.1')],
    ],
    { status: 400 },
  ),
  ...all(
    'T-17',
    ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'].map(
      (name): Row => [`${name} is not obeyed`, get([`${name}: DELETE`])],
    ),
    { status: 200, origin: ['/ok'] },
  ),
  ...all(
    'T-20',
    [
      ['encoded CRLF in the path', line('GET /a%0d%0aX:%20y HTTP/1.1')],
      ['encoded LF in the path', line('GET /a%0aX HTTP/1.1')],
      ['a raw LF in the target', 'GET /a\nX: y HTTP/1.1\r\nHost: a\r\n\r\n'],
    ],
    { status: 400 },
  ),
  ...all(
    'T-20',
    [
      ['encoded CRLF in a cookie', get(['Cookie: a=%0d%0aX: y'])],
      ['a letter whose low byte is LF', get(['X: \xc4\x8a'])],
    ],
    { status: 200, origin: ['/ok'] },
  ),
  {
    name: 'T-20: encoded CRLF in the query stays encoded',
    bytes: line('GET /ok?x=%0d%0aY:%20z HTTP/1.1'),
    status: 200,
    origin: ['/ok?x=%0d%0aY:%20z'],
  },
  ...all(
    'T-64',
    [
      'Host',
      'Content-Length',
      'Range',
      'If-Range',
      'Cache-Control',
      'Authorization',
      'Cookie',
      'CDN-Loop',
      'Via',
    ].map((name): Row => [`Connection names ${name}`, get([`Connection: ${name}`])]),
    { status: 400 },
  ),
  {
    name: 'T-64: Connection may name a field nobody needs',
    bytes: get(['Connection: x-own', 'X-Own: 1']),
    status: 200,
    origin: ['/ok'],
  },
  ...all(
    'T-66',
    ['Range: bytes=0-1', 'If-Range: "x"', 'Authorization: Basic eA=='].map(
      (field): Row => [`two lines of ${field}`, get([field, field])],
    ),
    { status: 400 },
  ),
  ...all(
    'T-66',
    ['If_Range: "x"', 'X_Forwarded_Host: evil', 'x-FORWARDED-host: evil'].map(
      (field): Row => [`twin ${field}`, get([field])],
    ),
    { status: 200, origin: ['/ok'] },
  ),
  ...all(
    'T-67',
    ['__proto__', 'constructor', 'toString', '1', 'hasOwnProperty'].flatMap((name): Row[] => [
      [`field ${name}`, get([`${name}: x`])],
      [`query ${name}`, line('GET /ok HTTP/1.1', ['Host: a', `X-Name: ${name}`])],
    ]),
    { status: 200, origin: ['/ok'] },
  ),
  {
    name: 'T-67: query __proto__',
    bytes: line('GET /ok?__proto__[polluted]=1&constructor=2 HTTP/1.1'),
    status: 200,
    origin: ['/ok?__proto__[polluted]=1&constructor=2'],
  },
  ...all(
    'T-68',
    [
      ['our own id in CDN-Loop', get(['CDN-Loop: sluice'])],
      ['our own id among others', get(['CDN-Loop: other;v=1, SLUICE;x="a, b"', 'CDN-Loop: third'])],
    ],
    { status: 508, closes: false },
  ),
  {
    name: 'T-68: an id that only contains ours',
    bytes: get(['CDN-Loop: sluice2, my-sluice']),
    status: 200,
    origin: ['/ok'],
  },
]

export const STRICTNESS_CORPUS: readonly StrictnessCase[] = [
  ...LENGTH_AND_CODING,
  ...CODINGS,
  ...BODIES,
  ...LINES,
  ...HOSTS,
  ...THE_REST,
]
