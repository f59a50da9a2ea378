// Dates in the three forms a recipient must accept (RFC 9110 §5.6.7), in any case, as a cache should take them
// (RFC 9111 §4.2).

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})'
const IMF = new RegExp(
  `^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\\d{2}) (\\w{3}) (\\d{4}) ${TIME} GMT$`,
  'i',
)
const RFC850 = new RegExp(
  `^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\\d{2})-(\\w{3})-(\\d{2}) ${TIME} GMT$`,
  'i',
)
const ASCTIME = new RegExp(
  `^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\\w{3}) ([ \\d]\\d) ${TIME} (\\d{4})$`,
  'i',
)

/**
 * Parses an HTTP-date.
 *
 * @param nowMs Decides the century of the RFC 850 form: more than 50 years ahead means the past.
 * @returns Milliseconds since the epoch, or `undefined` for anything else than the three forms.
 */
export function parseHttpDate(value: string, nowMs: number): number | undefined {
  const imf = IMF.exec(value)
  if (imf !== null) return toEpochMs(imf[3], imf[2], imf[1], imf[4], imf[5], imf[6])
  const rfc850 = RFC850.exec(value)
  if (rfc850 !== null) {
    const year = centuryFor(Number(rfc850[3]), nowMs)
    return toEpochMs(String(year), rfc850[2], rfc850[1], rfc850[4], rfc850[5], rfc850[6])
  }
  const asctime = ASCTIME.exec(value)
  if (asctime !== null) {
    return toEpochMs(asctime[6], asctime[1], asctime[2], asctime[3], asctime[4], asctime[5])
  }
  return undefined
}

function centuryFor(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear()
  const year = Math.floor(thisYear / 100) * 100 + twoDigits
  return year > thisYear + 50 ? year - 100 : year
}

function toEpochMs(
  year: string | undefined,
  month: string | undefined,
  day: string | undefined,
  hour: string | undefined,
  minute: string | undefined,
  second: string | undefined,
): number | undefined {
  const monthIndex = MONTHS.indexOf((month ?? '').toLowerCase())
  const [d, h, m, s] = [Number(day), Number(hour), Number(minute), Number(second)]
  // 60 is a leap second (RFC 9110 §5.6.7).
  if (monthIndex < 0 || d < 1 || h > 23 || m > 59 || s > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(Number(year), monthIndex, d)
  // The 31st of a month of 30 days has become the 1st of the next.
  if (date.getUTCMonth() !== monthIndex) return undefined
  date.setUTCHours(h, m, s)
  return date.getTime()
}

/** Formats an instant as IMF-fixdate. */
export function formatHttpDate(atMs: number): string {
  return new Date(atMs).toUTCString()
}
