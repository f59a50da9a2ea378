import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:https'

import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'

import { loadCertificates } from '../../../../src/adapters/node/tls-certificates.ts'
import { createTlsServer } from '../../../../src/adapters/node/tls-server.ts'
import type { HandshakeOutcome } from '../../../../src/adapters/node/tls-server.ts'
import { createAuthority } from '../../../support/certificates.ts'
import type { IssuedPair } from '../../../support/certificates.ts'
import { createConfigFiles } from '../../../support/config-file.ts'
import { describeWith } from '../../../support/programs.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'
import type { SteppedClock } from '../../../support/stepped-clock.ts'
import { visitTls } from '../../../support/tls-client.ts'
import type { TlsVisit } from '../../../support/tls-client.ts'

const HOUR_MS = 3_600_000
const SETTINGS = { cert: 'cert', key: 'key', ocsp: 'ocsp' }
const files = createConfigFiles()

describeWith(['openssl'], 'session tickets', () => {
  let pair: IssuedPair
  let clock: SteppedClock
  let server: Server
  let outcomes: HandshakeOutcome[]

  beforeAll(() => {
    pair = createAuthority(files.directory).issue('a', ['a.test'])
  })

  afterAll(() => files.remove())

  beforeEach(async () => {
    clock = createSteppedClock(Date.now())
    outcomes = []
    const certificates = await loadCertificates(
      [
        { name: 'a', hosts: ['a.test'], files: pair, settings: SETTINGS },
        { name: '*', hosts: [], files: pair, settings: SETTINGS },
      ],
      { clock, record: () => undefined },
    )
    const onHandshake = (outcome: HandshakeOutcome) => void outcomes.push(outcome)
    server = createTlsServer({}, { certificates, clock, handshakeTimeoutMs: 5000, onHandshake })
    server.on('request', (_, response) => void response.end('ok'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })

  afterEach(() => void server.close())

  function visit(version: 'TLSv1.2' | 'TLSv1.3', name: string, from?: TlsVisit): Promise<TlsVisit> {
    const { port } = server.address() as AddressInfo
    const versions = { minVersion: version, maxVersion: version }
    return visitTls({ port, servername: name, ...versions, session: from?.session })
  }

  it.each([
    ['TLSv1.2', 'a.test'],
    ['TLSv1.3', 'a.test'],
    ['TLSv1.2', ''],
    ['TLSv1.3', ''],
  ] as const)('are taken under %s for "%s", until their keys change', async (version, name) => {
    const first = await visit(version, name)
    const second = await visit(version, name, first)
    expect([first.isResumed, second.isResumed]).toEqual([false, true])
    await clock.step(12 * HOUR_MS)
    const third = await visit(version, name, first)
    const fourth = await visit(version, name, third)
    expect([third.isResumed, fourth.isResumed]).toEqual([false, true])
    expect(outcomes).toEqual(['full', 'resumed', 'full', 'resumed'])
  })
})
