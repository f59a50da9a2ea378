// Which values of nominated fields are the same, and a Vary that fits nothing (RFC 9111 §4.1).

import type { Case, Lines } from '../case.ts'
import { VARY_MISS, fetched, foo, hit, missed, varying } from '../steps.ts'

function language(value: string): { readonly fields: Lines } {
  return { fields: [['Accept-Language', value]] }
}

const NORMALISED: readonly Case[] = [
  {
    id: 'vary-whitespace',
    clause: 'RFC 9111 §4.1',
    promise: 'whitespace around commas makes no difference',
    steps: [fetched(varying('Foo'), foo('1, 2')), hit(foo('1,2')), hit(foo('1 ,  2'))],
  },
  {
    id: 'vary-combined-lines',
    clause: 'RFC 9111 §4.1',
    promise: 'several lines of a nominated field are the list that they make',
    steps: [fetched(varying('Foo'), foo('1, 2')), hit(foo('1', '2'))],
  },
  {
    id: 'vary-order-of-lines',
    clause: 'RFC 9110 §5.3',
    promise: 'the order of the lines counts',
    steps: [
      fetched(varying('Foo'), foo('1', '2')),
      missed({ ...foo('2', '1'), origin: { fields: varying('Foo') }, expect: VARY_MISS }),
    ],
  },
  {
    id: 'vary-value-case',
    clause: 'RFC 9111 §4.1',
    promise: 'values of unknown fields are compared by case',
    steps: [
      fetched(varying('Foo'), foo('abc')),
      missed({ ...foo('ABC'), origin: { fields: varying('Foo') }, expect: VARY_MISS }),
    ],
  },
  {
    id: 'vary-language-case',
    clause: 'RFC 9110 §12.5.4',
    promise: 'language tags are compared in any case',
    steps: [fetched(varying('Accept-Language'), language('en-GB, de')), hit(language('EN-gb,DE'))],
  },
  {
    id: 'vary-language-order-rfc',
    clause: 'RFC 9110 §12.5.4',
    promise: 'the order in which languages of one weight are listed means nothing',
    policy: 'rfc',
    steps: [
      fetched(varying('Accept-Language'), language('en;q=0.5, fr, de')),
      hit(language('de, fr, en;q=0.50')),
    ],
  },
  {
    id: 'vary-language-weight',
    clause: 'RFC 9111 §4.1',
    promise: 'another weight is another preference',
    steps: [
      fetched(varying('Accept-Language'), language('en;q=0.5, de')),
      missed({
        ...language('en, de;q=0.5'),
        origin: { fields: varying('Accept-Language') },
        expect: VARY_MISS,
      }),
    ],
  },
  {
    id: 'vary-language-order-careful',
    clause: 'RFC 9110 §12.5.4',
    promise: 'careful: some origins take the first of equal languages, so the order stays',
    policy: 'careful',
    steps: [
      fetched(varying('Accept-Language'), language('en, de')),
      missed({
        ...language('de, en'),
        origin: { fields: varying('Accept-Language') },
        expect: VARY_MISS,
      }),
    ],
  },
  {
    id: 'vary-language-other',
    clause: 'RFC 9111 §4.1',
    promise: 'another language is another variant',
    steps: [
      fetched(varying('Accept-Language'), language('en')),
      missed({
        ...language('de'),
        origin: { fields: varying('Accept-Language') },
        expect: VARY_MISS,
      }),
    ],
  },
  {
    id: 'vary-encoding-class',
    clause: 'RFC 9111 §4.1',
    promise: 'Accept-Encoding is one of few classes, however it is written',
    steps: [
      fetched(varying('Accept-Encoding'), { fields: [['Accept-Encoding', 'gzip, deflate']] }),
      hit({ fields: [['Accept-Encoding', 'deflate;q=0.5 , GZIP;q=1.0']] }),
    ],
  },
  {
    id: 'vary-encoding-other-class',
    clause: 'RFC 9111 §4.1',
    promise: 'a client that takes no coding does not get the coded variant',
    steps: [
      fetched([...varying('Accept-Encoding'), ['Content-Encoding', 'gzip']], {
        fields: [['Accept-Encoding', 'gzip']],
      }),
      missed({
        fields: [['Accept-Encoding', 'identity']],
        origin: { fields: varying('Accept-Encoding') },
        expect: VARY_MISS,
      }),
      hit({ fields: [['Accept-Encoding', 'gzip']], of: 1 }),
    ],
  },
  {
    id: 'vary-encoding-unsaid',
    clause: 'RFC 9110 §12.5.3',
    promise: 'a coded response that forgot its Vary is not given to who takes no coding',
    steps: [
      fetched([...varying(), ['Content-Encoding', 'gzip']], {
        fields: [['Accept-Encoding', 'gzip']],
      }),
      missed({ fields: [['Accept-Encoding', 'identity']], origin: { fields: varying() } }),
    ],
  },
]

const STAR: readonly Case[] = [
  ['alone', ['*']],
  ['last', ['Foo, *']],
  ['first', ['*, Foo']],
  ['among', ['Foo, *, Bar']],
  ['first-line', ['*', 'Foo']],
  ['second-line', ['Foo', '*']],
  ['behind-an-empty-member', [', *']],
  ['twice', ['*, *']],
].map(
  ([name, lines]): Case => ({
    id: `vary-star-${String(name)}`,
    clause: 'RFC 9111 §4.1',
    promise: `a * in Vary (${String(name)}) matches no request`,
    steps: [
      fetched([...varying(...(lines as string[])), ['ETag', '"v1"']], foo('1')),
      missed(foo('1')),
    ],
  }),
)

export const VARY_VALUES: readonly Case[] = [...NORMALISED, ...STAR]
