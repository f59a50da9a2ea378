// Via and CDN-Loop: who has forwarded a message (RFC 9110 §7.6.3, RFC 8586).

/**
 * How often this cache has forwarded the request already (RFC 8586 §2). Quotes are not looked at: an open one would
 * hide all that follows, and a loop with it.
 */
export function countLoops(cdnLoop: string | undefined, name: string): number {
  if (cdnLoop === undefined) return 0
  const own = name.toLowerCase()
  return cdnLoop
    .toLowerCase()
    .split(/[,;"]/)
    .filter((part) => part.trim() === own).length
}

/** Adds a member at the end of a list field. */
export function appendMember(list: string | undefined, member: string): string {
  return list === undefined || list === '' ? member : `${list}, ${member}`
}

/** Our Via member: the version received, and a pseudonym (RFC 9110 §7.6.3). */
export function formatVia(receivedVersion: string, name: string): string {
  return `${receivedVersion} ${name}`
}
