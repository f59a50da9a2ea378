import type { UpstreamErrorKind } from '#core/ports/upstream.ts'
import { Cancelled, UpstreamError } from '#core/ports/upstream.ts'

/** Codes of undici, Node and OpenSSL, each as the name RFC 9209 has for it. */
const KINDS: ReadonlyMap<string, UpstreamErrorKind> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', 'connection_timeout'],
  ['ETIMEDOUT', 'connection_timeout'],
  ['ECONNREFUSED', 'connection_refused'],
  ['ENOTFOUND', 'dns_error'],
  ['ENODATA', 'dns_error'],
  ['ESERVFAIL', 'dns_error'],
  ['EAI_AGAIN', 'dns_error'],
  ['ETIMEOUT', 'dns_timeout'],
  ['EHOSTUNREACH', 'destination_ip_unroutable'],
  ['ENETUNREACH', 'destination_ip_unroutable'],
  ['UND_ERR_HEADERS_TIMEOUT', 'http_response_timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'connection_read_timeout'],
  ['UND_ERR_HEADERS_OVERFLOW', 'http_response_header_section_size'],
  ['HPE_HEADER_OVERFLOW', 'http_response_header_section_size'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'http_response_incomplete'],
  ['EPROTO', 'tls_protocol_error'],
  ['UND_ERR_SOCKET', 'connection_terminated'],
  ['ECONNRESET', 'connection_terminated'],
  ['EPIPE', 'connection_terminated'],
  // Ours, and no sign of the origin's health.
  ['EMFILE', 'connection_limit_reached'],
  ['ENFILE', 'connection_limit_reached'],
])

/** What OpenSSL says of a certificate, and Node of its names. */
const CERTIFICATE =
  /^(CERT_|CRL_|DEPTH_ZERO|ERROR_IN_CERT|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT)/

const DNS_CALL = /^(query[A-Z]|getaddrinfo)/

export interface FailureFacts {
  readonly address: string
  /** Whether the response head had come. */
  readonly hadHead: boolean
  /** Whether the connection had answered before, so that the origin may just have closed it. */
  readonly wasReused: boolean
}

/** What went wrong, in the words of the port. An abort of ours stays what it was. */
export function toUpstreamFailure(
  error: unknown,
  { address, hadHead, wasReused }: FailureFacts,
): UpstreamError | Cancelled {
  if (error instanceof UpstreamError || error instanceof Cancelled) return error
  const kind = kindOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const text = `Cannot ${hadHead ? 'read body' : 'get a response'} from "${address}": ${message}`
  if (hadHead) {
    const bodyKind = kind === 'connection_terminated' ? 'http_response_incomplete' : kind
    return new UpstreamError(bodyKind, text, {
      retryable: kind !== 'http_protocol_error',
      cause: error,
    })
  }
  // Two lengths in a head are told as a mismatch of the body that never came.
  const headKind = kind === 'http_response_incomplete' ? 'http_protocol_error' : kind
  // A fresh connection that was cut may have been cut for what was asked; an idle one was just too old.
  const isFinal = kind === 'connection_terminated' ? !wasReused : headKind === 'http_protocol_error'
  return new UpstreamError(headKind, text, { retryable: !isFinal, cause: error })
}

function kindOf(error: unknown): UpstreamErrorKind {
  const code = textOf(error, 'code')
  const known = KINDS.get(code)
  // Of name servers as well it is said that they refuse connections, and much else that a server says otherwise.
  if (DNS_CALL.test(textOf(error, 'syscall'))) return known === 'dns_timeout' ? known : 'dns_error'
  if (known !== undefined) return known
  if (CERTIFICATE.test(code)) return 'tls_certificate_error'
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) return 'tls_protocol_error'
  // Parser errors, and undici's own assertions about what a response may be.
  return 'http_protocol_error'
}

function textOf(error: unknown, name: 'code' | 'syscall'): string {
  const value: unknown = error instanceof Error ? Reflect.get(error, name) : undefined
  return typeof value === 'string' ? value : ''
}
