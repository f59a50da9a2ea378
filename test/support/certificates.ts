// Certificates that tests are served with, made by openssl under an authority of their own.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { programPath } from './programs.ts'

const PROGRAM = programPath('openssl') ?? 'openssl'

export interface IssuedPair {
  readonly cert: string
  readonly key: string
}

export interface Authority {
  /** What clients are to trust. */
  readonly cert: string
  /** Files `<file>.crt` and `<file>.key` for these names; the first is the common name. Valid for three days. */
  issue(file: string, names: readonly string[]): IssuedPair
  /** An OCSP response that says the certificate is good, as a file `<file>.der`. */
  staple(file: string, cert: string): string
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '3']

export function createAuthority(directory: string): Authority {
  const at = (name: string) => join(directory, name)
  const cert = at('authority.crt')
  const key = at('authority.key')
  openssl(['req', '-x509', ...EC, '-keyout', key, '-out', cert, '-subj', '/CN=authority'])
  return {
    cert,
    issue(file, names) {
      const pair = { cert: at(`${file}.crt`), key: at(`${file}.key`) }
      const subject = ['-subj', `/CN=${names[0]}`, '-addext', 'basicConstraints=CA:FALSE']
      const alternatives = `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`
      const signed = ['req', '-x509', '-CA', cert, '-CAkey', key, ...EC]
      const out = ['-keyout', pair.key, '-out', pair.cert]
      openssl([...signed, ...out, ...subject, '-addext', alternatives])
      return pair
    },
    staple(file, of) {
      const serial = openssl(['x509', '-in', of, '-noout', '-serial']).trim().split('=')[1]
      const index = at(`${file}.index`)
      writeFileSync(index, `V\t491231235959Z\t\t${serial}\tunknown\t/CN=any\n`)
      const [request, response] = [at(`${file}.request`), at(`${file}.der`)]
      openssl(['ocsp', '-issuer', cert, '-cert', of, '-no_nonce', '-reqout', request])
      const signer = ['-CA', cert, '-rsigner', cert, '-rkey', key, '-ndays', '1']
      openssl(['ocsp', '-index', index, ...signer, '-reqin', request, '-respout', response])
      return response
    },
  }
}

function openssl(args: readonly string[]): string {
  return execFileSync(PROGRAM, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
