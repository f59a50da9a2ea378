// Certificates by openssl, for origins and for those who ask them, in a directory that lives as long as a test file.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: Buffer
  readonly key: Buffer
}

export interface Certificates {
  /** Signs itself. */
  authority(name: string): Certificate
  /** @param days Negative: expired so many days ago. Default 2. */
  issue(by: Certificate, name: string, options?: IssueOptions): Certificate
  remove(): void
}

export interface IssueOptions {
  /** As in `DNS:origin.test,IP:127.0.0.1`; default that address. */
  readonly names?: string
  readonly days?: number
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export function createCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-certificates-'))

  function openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  }

  function named(name: string): Certificate {
    const certFile = join(directory, `${name}.pem`)
    const keyFile = join(directory, `${name}.key`)
    return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) }
  }

  return {
    authority(name) {
      const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
      const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
      openssl('req', '-x509', ...NEW_KEY, ...files, ...names, '-days', '2')
      return named(name)
    },
    issue(by, name, { names = 'IP:127.0.0.1', days = 2 } = {}) {
      const asked = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`]
      openssl('req', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, ...asked)
      const signer = ['-CA', by.certFile, '-CAkey', by.keyFile, '-CAcreateserial']
      const what = ['-in', `${name}.csr`, '-copy_extensions', 'copy', '-days', String(days)]
      openssl('x509', '-req', ...what, ...signer, '-out', `${name}.pem`)
      return named(name)
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
