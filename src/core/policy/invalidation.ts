/** Methods whose answers change nothing at the origin (RFC 9110 §9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Whether a response invalidates what is stored for the target: unsafe method, no error (RFC 9111 §4.4). */
export function decideInvalidation(method: string, status: number): boolean {
  return !SAFE_METHODS.has(method) && status >= 200 && status < 400
}
