import { describe, expect, it } from 'vitest'

import { toUpstreamFailure } from '../../../../src/adapters/node/undici-error.ts'

const FACTS = { address: 'https://origin.test', hadHead: false, wasReused: false }

describe('toUpstreamFailure', () => {
  it.each([
    ['CERT_HAS_EXPIRED', undefined, 'tls_certificate_error'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', undefined, 'tls_certificate_error'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', undefined, 'tls_certificate_error'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', undefined, 'tls_certificate_error'],
    ['INVALID_PURPOSE', undefined, 'tls_certificate_error'],
    ['PATH_LENGTH_EXCEEDED', undefined, 'tls_certificate_error'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', undefined, 'tls_protocol_error'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', undefined, 'tls_protocol_error'],
    ['EPROTO', 'write', 'tls_protocol_error'],
    ['ECONNREFUSED', 'connect', 'connection_refused'],
    ['ECONNREFUSED', 'queryA', 'dns_error'],
    ['EREFUSED', 'queryAaaa', 'dns_error'],
    ['EAI_AGAIN', 'getaddrinfo', 'dns_error'],
    ['ETIMEOUT', 'queryA', 'dns_timeout'],
  ])('has a name for %s of %s: %s', (code, syscall, kind) => {
    const error = Object.assign(new Error('Failed'), { code, syscall })
    expect(toUpstreamFailure(error, FACTS)).toMatchObject({ kind })
  })
})
