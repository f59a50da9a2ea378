import { X509Certificate, generateKeyPairSync } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'

import { loadCertificates } from '../../../../src/adapters/node/tls-certificates.ts'
import type {
  CertificateEvent,
  CertificateSettings,
  Certificates,
} from '../../../../src/adapters/node/tls-certificates.ts'
import type { Pair } from '../../../../src/adapters/node/tls-pair.ts'
import { createAuthority } from '../../../support/certificates.ts'
import type { Authority, IssuedPair } from '../../../support/certificates.ts'
import { createConfigFiles } from '../../../support/config-file.ts'
import { describeWith } from '../../../support/programs.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'
import type { SteppedClock } from '../../../support/stepped-clock.ts'

const LOOK_MS = 3000
const DAY_MS = 86_400_000
const SETTINGS = { cert: 'tlsCert', key: 'tlsKey', ocsp: 'tlsOcsp' }

const made = createConfigFiles()
const at = (name: string) => join(made.directory, name)
const CERT = at('used.crt')
const KEY = at('used.key')
const OCSP = at('used.der')

function nameOf(pair: Pair | undefined): string | undefined {
  return pair && new X509Certificate(pair.der).subject
}

function use({ cert, key }: IssuedPair): void {
  copyFileSync(cert, CERT)
  copyFileSync(key, KEY)
}

describeWith(['openssl'], 'loadCertificates', () => {
  let authority: Authority
  let one: IssuedPair
  let two: IssuedPair
  let clock: SteppedClock
  let events: CertificateEvent[]

  beforeAll(() => {
    authority = createAuthority(made.directory)
    one = authority.issue('one', ['one.test'])
    two = authority.issue('two', ['two.test'])
  })

  afterAll(() => made.remove())

  beforeEach(() => {
    clock = createSteppedClock(Date.now())
    events = []
    use(one)
    rmSync(OCSP, { force: true })
  })

  function load(some: Partial<CertificateSettings> = {}): Promise<Certificates> {
    const files = { cert: CERT, key: KEY, ocsp: OCSP }
    const settings = { name: '*', hosts: [], files, settings: SETTINGS, ...some }
    return loadCertificates([settings], { clock, record: (event) => void events.push(event) })
  }

  /** Steps until the next look, and waits for what comes of it. */
  async function nextLook(eventCount: number): Promise<void> {
    await clock.step(LOOK_MS)
    await vi.waitFor(() => expect(events).toHaveLength(eventCount))
  }

  const kinds = () => events.map(({ kind }) => kind)

  it('takes a pair into use that has changed, within seconds', async () => {
    const certificates = await load()
    const onUsed = vi.fn<() => void>()
    certificates.onUsed(onUsed)
    expect(nameOf(certificates.fallback())).toBe('CN=one.test')
    use(two)
    await nextLook(1)
    expect(kinds()).toEqual(['certificate-used'])
    expect(nameOf(certificates.fallback())).toBe('CN=two.test')
    expect(onUsed).toHaveBeenCalledOnce()
    certificates.close()
    expect(clock.pendingCount()).toBe(0)
  })

  it('keeps what is in use while files do not fit, saying so once, until they do', async () => {
    const certificates = await load()
    copyFileSync(two.cert, CERT)
    await nextLook(1)
    await certificates.reload()
    await certificates.reload()
    expect(events).toEqual([
      {
        kind: 'certificate-refused',
        name: '*',
        reason: `Cannot use setting "tlsKey" = "${KEY}": it is not the key of the certificate`,
      },
    ])
    expect(nameOf(certificates.fallback())).toBe('CN=one.test')
    copyFileSync(two.key, KEY)
    await certificates.reload()
    expect(kinds()).toEqual(['certificate-refused', 'certificate-used'])
    expect(nameOf(certificates.fallback())).toBe('CN=two.test')
  })

  it.each([
    ['is gone', () => rmSync(CERT), 'tlsCert', 'there is no such file'],
    ['is empty', () => writeFileSync(CERT, ''), 'tlsCert', 'it is no certificate in PEM'],
    [
      'is half there',
      () => writeFileSync(KEY, readFileSync(KEY).subarray(0, 100)),
      'tlsKey',
      'it is no private key in PEM',
    ],
    ['is no staple', () => writeFileSync(OCSP, 'text'), 'tlsOcsp', 'it is no OCSP response in DER'],
  ])('keeps what is in use when a file %s', async (_, damage, setting, reason) => {
    const certificates = await load()
    damage()
    await certificates.reload()
    expect(kinds()).toEqual(['certificate-refused'])
    expect(events[0]).toMatchObject({ reason: expect.stringContaining(reason) })
    expect(events[0]).toMatchObject({ reason: expect.stringContaining(`"${setting}"`) })
    expect(nameOf(certificates.fallback())).toBe('CN=one.test')
    use(one)
    rmSync(OCSP, { force: true })
    await certificates.reload()
    expect(nameOf(certificates.fallback())).toBe('CN=one.test')
  })

  it('sees files that others are renamed to', async () => {
    const certificates = await load()
    const [cert, key] = [`${CERT}.new`, `${KEY}.new`]
    copyFileSync(two.cert, cert)
    copyFileSync(two.key, key)
    renameSync(cert, CERT)
    renameSync(key, KEY)
    await nextLook(1)
    expect(nameOf(certificates.fallback())).toBe('CN=two.test')
  })

  it('sees a link to a directory that is swapped, as Kubernetes swaps secrets', async () => {
    for (const [folder, pair] of [
      ['..1', one],
      ['..2', two],
    ] as const) {
      mkdirSync(at(folder))
      copyFileSync(pair.cert, join(at(folder), 'tls.crt'))
      copyFileSync(pair.key, join(at(folder), 'tls.key'))
    }
    symlinkSync('..1', at('..data'))
    symlinkSync('..data/tls.crt', at('tls.crt'))
    symlinkSync('..data/tls.key', at('tls.key'))
    const certificates = await load({ files: { cert: at('tls.crt'), key: at('tls.key') } })
    symlinkSync('..2', at('..data_tmp'))
    renameSync(at('..data_tmp'), at('..data'))
    await nextLook(1)
    expect(nameOf(certificates.fallback())).toBe('CN=two.test')
  })

  it('has a staple once its file is there, and none when that is gone', async () => {
    const certificates = await load()
    const der = certificates.fallback()?.der ?? Buffer.alloc(0)
    expect(certificates.ocspOf(der)).toBeUndefined()
    copyFileSync(authority.staple('one', one.cert), OCSP)
    await certificates.reload()
    expect(certificates.ocspOf(der)).toEqual(readFileSync(OCSP))
    rmSync(OCSP)
    await certificates.reload()
    expect(certificates.ocspOf(der)).toBeUndefined()
  })

  it('uses an expired certificate, with a warning', async () => {
    clock.setWall(Date.now() + 4 * DAY_MS)
    const certificates = await load()
    expect(kinds()).toEqual(['certificate-expired'])
    expect(certificates.expiries().get('*')).toBeLessThan(clock.nowMs())
    expect(nameOf(certificates.fallback())).toBe('CN=one.test')
  })

  it('chooses by the name of the server, else what is for every name', async () => {
    const [b, fallback] = [two, one].map(({ cert, key }) => ({ cert, key }))
    if (b === undefined || fallback === undefined) throw new Error('Cannot happen')
    const certificates = await loadCertificates(
      [
        { name: '*', hosts: [], files: fallback, settings: SETTINGS },
        { name: 'b', hosts: ['*.b.test'], files: b, settings: SETTINGS },
      ],
      { clock, record: () => undefined },
    )
    expect(nameOf(certificates.choose('x.B.test.'))).toBe('CN=two.test')
    expect(nameOf(certificates.choose('b.test'))).toBe('CN=one.test')
    expect(nameOf(certificates.choose('\0'))).toBe('CN=one.test')
  })

  it('chooses none for other names where nothing is for every name', async () => {
    const certificates = await load({ hosts: ['a.test'] })
    expect(nameOf(certificates.choose('a.test'))).toBe('CN=one.test')
    expect(certificates.choose('b.test')).toBeUndefined()
    expect(certificates.fallback()).toBeUndefined()
  })

  it.each([
    ['cert', 'no-such-file', 'there is no such file'],
    ['key', 'no-such-file', 'there is no such file'],
    ['cert', '.', 'it is not a file'],
    ['cert', 'used.key', 'it is no certificate in PEM'],
    ['key', 'two.key', 'it is not the key of the certificate'],
    ['key', 'locked.key', 'it is encrypted'],
  ] as const)('refuses to begin with %s from %s: %s', async (file, name, reason) => {
    const type = 'pkcs8'
    const cipher = { cipher: 'aes-256-cbc', passphrase: 'secret' }
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type, format: 'pem', ...cipher },
    })
    writeFileSync(at('locked.key'), privateKey)
    const files = { cert: CERT, key: KEY, [file]: at(name) }
    const said = `Cannot use setting "${SETTINGS[file]}" = "${at(name)}": ${reason}`
    await expect(load({ files })).rejects.toThrow(said)
  })
})
