// Text that a parser has to take: any at all, and what is right but for a little.

import * as fc from 'fast-check'

/** Where parsers go wrong: quotes, escapes, separators, digits that overflow, and what is no ASCII. */
const ODD = [
  '"',
  '\\',
  ',',
  ';',
  '=',
  '-',
  '*',
  '(',
  ')',
  ':',
  '?',
  ' ',
  '\t',
  '\r\n',
  '\0',
  '\u007f',
  '\u00a0',
  '\u2028',
  '\ud800',
  '\ud83d\ude00',
  'é',
  '٣',
  'İ',
  '0',
  '9'.repeat(30),
  '1e9',
  '.',
  '%00',
  '%2e',
  '__proto__',
]

const edit = fc.record({
  at: fc.nat({ max: 60 }),
  removedCount: fc.nat({ max: 3 }),
  added: fc.oneof(
    fc.constantFrom(...ODD),
    fc.constant(''),
    fc.string({ unit: 'binary', maxLength: 3 }),
  ),
})

/** These texts with a few characters taken away, put in or doubled. */
export function nearMisses(samples: readonly string[]): fc.Arbitrary<string> {
  const edits = fc.array(edit, { minLength: 1, maxLength: 3 })
  return fc.tuple(fc.constantFrom(...samples), edits).map(([sample, list]) =>
    list.reduce((text, { at, removedCount, added }) => {
      const start = text.length === 0 ? 0 : at % text.length
      return text.slice(0, start) + added + text.slice(start + removedCount)
    }, sample),
  )
}

/** Anything, with lone surrogates and controls, or something that is nearly right. */
export function anyText(samples: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme' }) },
    { weight: 1, arbitrary: fc.constantFrom(...samples) },
    { weight: 4, arbitrary: nearMisses(samples) },
  )
}

/** Long texts on which a parser that goes back over what it has read takes for ever. */
export const LONG_TEXTS: readonly string[] = [
  '"',
  '"\\',
  ',',
  ' ',
  '\t,',
  'a=',
  'a;',
  '(',
  '0',
  '-',
  'a-',
  'a.',
  'W/',
  '"a",',
  '%2e/',
  'bytes=0-1,',
  'max-age=1 ',
  '?a=b&',
].map((piece) => piece.repeat(Math.ceil(100_000 / piece.length)))

/** Visible ASCII and space, as quoted strings and Strings may hold. */
export const printable = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
})
export const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/)
