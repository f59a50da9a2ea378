// Certificates for clients: what may be set, and what goes with what.

import { z } from 'zod'

const PAIR = 'Allowed: the path of a file'
const filePath = z.string(PAIR).min(1, PAIR)
const ocsp = filePath
  .optional()
  .meta({ description: 'OCSP response to staple, DER; the file need not be there' })

/** At the top: for clients that name no host, or none of a site with a certificate of its own. */
export const topTlsSettings = {
  tlsCert: filePath.optional().meta({ description: 'Certificate and its chain, PEM' }),
  tlsKey: filePath.optional().meta({ description: 'Private key of tlsCert, PEM' }),
  tlsOcsp: ocsp,
}

/** Of a site: for clients that name one of its hosts (SNI, RFC 6066 §3). */
export const siteTls = z
  .strictObject({
    cert: filePath.meta({ description: 'Certificate and its chain, PEM' }),
    key: filePath.meta({ description: 'Private key of cert, PEM' }),
    ocsp,
  })
  .optional()

interface Settings {
  readonly listen: unknown
  readonly tlsListen?: unknown
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  readonly tlsOcsp?: string | undefined
  readonly sites?: readonly SiteSettings[] | undefined
}

interface SiteSettings {
  readonly hosts: readonly string[]
  readonly tls?: unknown
}

export function hasCertificate({ tlsCert, sites = [] }: Settings): boolean {
  return tlsCert !== undefined || sites.some(({ tls }) => tls !== undefined)
}

export function checkTls(settings: Settings, context: z.RefinementCtx<object>): void {
  const refuse = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path, message })
  const { listen, tlsListen, tlsCert, tlsKey, tlsOcsp, sites = [] } = settings
  if (tlsCert !== undefined && tlsKey === undefined) {
    refuse(['tlsKey'], 'Allowed: the private key of tlsCert, which is nothing without it')
  }
  if (tlsCert === undefined && tlsKey !== undefined) {
    refuse(['tlsCert'], 'Allowed: the certificate of tlsKey, which is nothing without it')
  }
  if (tlsCert === undefined && tlsOcsp !== undefined) {
    refuse(['tlsOcsp'], 'Allowed: beside tlsCert and tlsKey')
  }
  for (const [i, { hosts, tls }] of sites.entries()) {
    if (tls === undefined || hosts.length > 0) continue
    refuse(
      ['sites', i, 'tls'],
      'Allowed: for a site with hosts; for every host, tlsCert and tlsKey at the top',
    )
  }
  if (hasCertificate(settings)) return
  const need = 'with a certificate: tlsCert and tlsKey, or tls of a site'
  if (tlsListen !== undefined) refuse(['tlsListen'], `Allowed: ${need}`)
  if (listen === undefined) refuse(['listen'], `Allowed: off only ${need}`)
}
