// Byte strings that a strict server must not misunderstand: targets, hosts and fields, by the number of their threat.

import { HIDDEN, all, get, line, post } from './strictness-case.ts'
import type { Row, StrictnessCase } from './strictness-case.ts'

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
      (trailer): Row => [
        `trailer ${trailer}`,
        post(['Transfer-Encoding: chunked'], `0\r\n${trailer}\r\n\r\n`),
      ],
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
      ['POST to a host no URL can have', line('POST /ok HTTP/1.1', ['Host: 999.1.1.1'])],
      ['OPTIONS to an address that is none', line('OPTIONS /ok HTTP/1.1', ['Host: [::::]'])],
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

export const MEANING_CORPUS: readonly StrictnessCase[] = [...HOSTS, ...THE_REST]
