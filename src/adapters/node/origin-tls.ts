// Who we are to an origin over TLS, and whom we believe: read once, before anything is bound.

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'

export interface OriginTlsSettings {
  /** PEM file of the authorities that are believed, in place of the public ones. */
  readonly ca?: string | undefined
  /** PEM files of our own certificate, with what is between it and its authority, and of its key. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Sent as SNI and looked for in the certificate; default the origin's host. */
  readonly servername?: string | undefined
}

/** What connections must agree on to be one another's: none is used, or resumed, for another identity. */
export interface OriginTls {
  /** Equal for equal settings. */
  readonly id: string
  readonly secureContext: SecureContext
  readonly servername: string | undefined
}

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * @param setting Its name, for messages.
 * @throws When a file cannot be read, or does not fit.
 */
export function loadOriginTls(settings: OriginTlsSettings, setting: string): OriginTls {
  const { servername } = settings
  const ca = read(settings.ca, `${setting}.ca`)
  const cert = read(settings.cert, `${setting}.cert`)
  const key = read(settings.key, `${setting}.key`)
  checkCertificates(ca, `${setting}.ca`, settings.ca)
  checkCertificates(cert, `${setting}.cert`, settings.cert)
  try {
    const own = cert === undefined || key === undefined ? {} : { cert, key }
    const trusted = ca === undefined ? {} : { ca }
    const secureContext = createSecureContext({ minVersion: 'TLSv1.2', ...trusted, ...own })
    const id = JSON.stringify([settings.ca, settings.cert, settings.key, servername])
    return { id, secureContext, servername }
  } catch (error) {
    // All else has been looked at: it is the key, or it is not this certificate's.
    return unusable(`${setting}.key`, settings.key, error)
  }
}

function read(path: string | undefined, setting: string): string | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    return unusable(setting, path, error)
  }
}

/** Without a certificate in it, a file of authorities would be passed over in silence. */
function checkCertificates(pem: string | undefined, setting: string, path: string | undefined) {
  if (pem === undefined) return
  const found = pem.match(CERTIFICATES)
  if (found === null) return unusable(setting, path, 'it holds no certificate in PEM form')
  try {
    found.map((one) => new X509Certificate(one))
  } catch (error) {
    unusable(setting, path, error)
  }
}

function unusable(setting: string, path: string | undefined, why: unknown): never {
  const reason = why instanceof Error ? why.message : String(why)
  throw new Error(`Cannot use setting "${setting}" = ${JSON.stringify(path)}: ${reason}`)
}
