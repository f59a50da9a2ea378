/** Methods whose answers change nothing at the origin (RFC 9110 §9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Whether a response invalidates what is stored for the target: unsafe method, no error (RFC 9111 §4.4). */
export function decideInvalidation(method: string, status: number): boolean {
  return !SAFE_METHODS.has(method) && status >= 200 && status < 400
}

/**
 * Whether a HEAD answer says that the stored GET response is another (RFC 9111 §4.3.5): then it is to be
 * validated before its next use.
 */
export function isContradictedByHead(
  stored: { readonly completeLength: number | undefined; readonly etag: string | undefined },
  head: { readonly contentLength: string | undefined; readonly etag: string | undefined },
): boolean {
  const isOtherLength =
    head.contentLength !== undefined && head.contentLength !== String(stored.completeLength)
  return isOtherLength || (head.etag !== undefined && head.etag !== stored.etag)
}
