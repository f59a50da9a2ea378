/** One kind of request, as wrk makes it. */
export interface BenchClass {
  readonly name: string
  readonly path: string
  readonly connectionCount: number
  /** Body of the script's `request` function; `undefined` asks for the path as it is. */
  readonly lua?: string
  /** Fields that every request carries. */
  readonly fields?: Readonly<Record<string, string>>
  readonly status: number
  /** What each answer has to be, so that nothing is measured that is not the work. */
  readonly bodyBytes: number
}

const MIB = 1024 * 1024

/** Sizes of the files that the origin has, by their path. */
export const FILES: Readonly<Record<string, number>> = {
  '/1k.bin': 1024,
  '/100k.bin': 100 * 1024,
  '/100m.bin': 100 * MIB,
  '/pass/1k.bin': 1024,
  '/pass/100k.bin': 100 * 1024,
}

/** What a browser sends, roughly: parsing it is part of the work. */
const FIELDS = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: '*/*',
  'Accept-Language': 'en-US,en;q=0.5',
  'Accept-Encoding': 'identity',
}

const RANDOM_RANGE = `
  local first = math.random(0, ${100 * MIB - 65536})
  headers["Range"] = "bytes=" .. first .. "-" .. (first + 65535)
  return wrk.format("GET", path, headers)
`

export const CLASSES: readonly BenchClass[] = [
  {
    name: 'hit 1 KiB',
    path: '/1k.bin',
    connectionCount: 64,
    fields: FIELDS,
    status: 200,
    bodyBytes: 1024,
  },
  {
    name: 'hit 100 KiB',
    path: '/100k.bin',
    connectionCount: 64,
    fields: FIELDS,
    status: 200,
    bodyBytes: 100 * 1024,
  },
  {
    name: '64 KiB ranges of 100 MiB',
    path: '/100m.bin',
    connectionCount: 64,
    fields: FIELDS,
    lua: RANDOM_RANGE,
    status: 206,
    bodyBytes: 65_536,
  },
  {
    name: 'pass-through 1 KiB',
    path: '/pass/1k.bin',
    connectionCount: 64,
    fields: FIELDS,
    status: 200,
    bodyBytes: 1024,
  },
  {
    name: 'pass-through 100 KiB',
    path: '/pass/100k.bin',
    connectionCount: 64,
    fields: FIELDS,
    status: 200,
    bodyBytes: 100 * 1024,
  },
]
