import type { UpstreamErrorKind } from '#core/ports/upstream.ts'
import { Cancelled, UpstreamError } from '#core/ports/upstream.ts'

export interface FetchFailureFacts {
  readonly address: string
  /** Whether the response head had come. */
  readonly hadHead: boolean
}

/** Codes of the causes that Node's `fetch` gives; Workers give none. */
const KINDS: ReadonlyMap<string, UpstreamErrorKind> = new Map([
  ['ECONNREFUSED', 'connection_refused'],
  ['ENOTFOUND', 'dns_error'],
  ['EAI_AGAIN', 'dns_error'],
  ['EHOSTUNREACH', 'destination_ip_unroutable'],
  ['ENETUNREACH', 'destination_ip_unroutable'],
  ['ETIMEDOUT', 'connection_timeout'],
  ['UND_ERR_CONNECT_TIMEOUT', 'connection_timeout'],
  ['UND_ERR_HEADERS_OVERFLOW', 'http_response_header_section_size'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'http_response_incomplete'],
  ['UND_ERR_SOCKET', 'connection_terminated'],
  ['ECONNRESET', 'connection_terminated'],
  ['EPIPE', 'connection_terminated'],
  ['EPROTO', 'tls_protocol_error'],
])

/**
 * What went wrong, as far as `fetch` tells. On Workers a refused connection, a reset one and a response that is
 * no HTTP are all "Network connection lost", so all of them are `connection_terminated` there.
 */
export function toFetchFailure(
  error: unknown,
  { address, hadHead }: FetchFailureFacts,
): UpstreamError | Cancelled {
  if (error instanceof UpstreamError || error instanceof Cancelled) return error
  const message = error instanceof Error ? error.message : String(error)
  const kind = kindOf(error, message)
  const text = `Cannot ${hadHead ? 'read body' : 'get a response'} from "${address}": ${message}`
  // Once the head is there, whatever ends the connection has left the body incomplete.
  const isProtocol = kind === 'http_protocol_error'
  const told = hadHead && !isProtocol ? 'http_response_incomplete' : kind
  return new UpstreamError(told, text, { retryable: !isProtocol, cause: error })
}

function kindOf(error: unknown, message: string): UpstreamErrorKind {
  const code = codeOf(error) || codeOf(error instanceof Error ? error.cause : undefined)
  const known = KINDS.get(code)
  if (known !== undefined) return known
  if (code.startsWith('HPE_')) return 'http_protocol_error'
  if (/network connection lost/i.test(message)) return 'connection_terminated'
  return 'destination_unavailable'
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}
