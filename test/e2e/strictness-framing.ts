// Byte strings that a strict server must not misunderstand: framing and lines, by the number of their threat.

import { HIDDEN, all, get, line, post } from './strictness-case.ts'
import type { StrictnessCase } from './strictness-case.ts'

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
      ['obs-text in a value is opaque (RFC 9110 §5.5)', get(['X: caf\xe9'])],
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

export const FRAMING_CORPUS: readonly StrictnessCase[] = [
  ...LENGTH_AND_CODING,
  ...CODINGS,
  ...BODIES,
  ...LINES,
]
