// TLS to clients: the certificates that the config names, and what is told of them.

import type { Logger } from 'pino'

import type { Clock } from '#core/ports/clock.ts'
import type { Gauges } from '#web/otel-telemetry.ts'
import { loadCertificates } from './adapters/node/tls-certificates.ts'
import type {
  CertificateEvent,
  CertificateSettings,
  Certificates,
} from './adapters/node/tls-certificates.ts'
import type { Config } from './config.ts'

/** What no site can be called. */
const FALLBACK_NAME = '*'

/** @throws When one cannot be used, saying which setting is to blame. */
export async function loadNodeCertificates(
  config: Config,
  clock: Clock,
  logger: Logger,
): Promise<Certificates | undefined> {
  const all = certificatesOf(config)
  if (all.length === 0) return undefined
  return loadCertificates(all, { clock, record: (event) => logEvent(logger, event) })
}

function certificatesOf(config: Config): readonly CertificateSettings[] {
  const { tlsCert, tlsKey, tlsOcsp, sites = [] } = config
  const named = sites.flatMap(({ name, hosts, tls }, i): CertificateSettings[] => {
    if (tls === undefined) return []
    const at = `sites.${i}.tls`
    const settings = { cert: `${at}.cert`, key: `${at}.key`, ocsp: `${at}.ocsp` }
    return [{ name, hosts, files: tls, settings }]
  })
  if (tlsCert === undefined || tlsKey === undefined) return named
  const fallback: CertificateSettings = {
    name: FALLBACK_NAME,
    hosts: [],
    files: { cert: tlsCert, key: tlsKey, ocsp: tlsOcsp },
    settings: { cert: 'tlsCert', key: 'tlsKey', ocsp: 'tlsOcsp' },
  }
  return [...named, fallback]
}

function logEvent(logger: Logger, event: CertificateEvent): void {
  const { kind, name } = event
  if (kind === 'certificate-refused') {
    return logger.warn(event, `Certificate of "${name}" stays as it was: ${event.reason}`)
  }
  const { expiresAtMs, ...rest } = event
  const expiresAt = new Date(expiresAtMs).toISOString()
  if (kind === 'certificate-used') {
    return logger.info({ ...rest, expiresAt }, `New certificate of "${name}", until ${expiresAt}`)
  }
  return logger.warn({ ...rest, expiresAt }, `Certificate of "${name}" expired on ${expiresAt}`)
}

export function certificateGauges(certificates: Certificates | undefined): Gauges {
  if (certificates === undefined) return {}
  return {
    sluice_tls_certificate_expiry_seconds: {
      description: 'When certificates expire, seconds since the epoch',
      read: () =>
        Array.from(certificates.expiries(), ([site, expiresAtMs]) => {
          return { value: expiresAtMs / 1000, attributes: { site } }
        }),
    },
  }
}
