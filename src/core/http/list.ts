// Comma-separated lists and parameters with quoted strings (RFC 9110 §5.6), in one linear pass each.

/**
 * Splits at a separator outside quoted strings and trims optional whitespace (RFC 9110 §5.6.1).
 * Empty members are left out. An unterminated quote runs to the end of the value.
 */
export function splitOutsideQuotes(value: string, separator: ',' | ';'): string[] {
  const members: string[] = []
  let start = 0
  let quoted = false
  for (let i = 0; i <= value.length; i++) {
    const char = value[i]
    if (quoted && char === '\\') i++
    else if (char === '"') quoted = !quoted
    if (i >= value.length || (char === separator && !quoted)) {
      const member = trimWhitespace(value.slice(start, i))
      if (member !== '') members.push(member)
      start = i + 1
    }
  }
  return members
}

/** Splits a list at commas, outside quoted strings. */
export function splitList(value: string): string[] {
  return splitOutsideQuotes(value, ',')
}

/** Removes spaces and tabs at both ends: OWS, and not the wider set of `String.trim`. */
export function trimWhitespace(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isWhitespace(value.charCodeAt(start))) start++
  while (end > start && isWhitespace(value.charCodeAt(end - 1))) end--
  return value.slice(start, end)
}

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x09
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

export function isToken(value: string): boolean {
  return TOKEN.test(value)
}
