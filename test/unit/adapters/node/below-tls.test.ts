import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTlsServer, connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { readFileSync } from 'node:fs'

import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest'

import { socketBelow, untakenBytes } from '../../../../src/adapters/node/below-tls.ts'
import { createAuthority } from '../../../support/certificates.ts'
import { createConfigFiles } from '../../../support/config-file.ts'
import { describeWith } from '../../../support/programs.ts'

const BODY_BYTES = 20_000_000
const files = createConfigFiles()

afterAll(() => files.remove())

describeWith(['openssl'], 'below TLS', () => {
  let below: Socket
  let server: TLSSocket
  let client: TLSSocket
  let close: () => void

  beforeEach(async () => {
    const { cert, key } = createAuthority(files.directory).issue('a', ['a.test'])
    const listener = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) })
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const accepted = once(listener, 'connection') as Promise<[Socket]>
    const secured = once(listener, 'secureConnection') as Promise<[TLSSocket]>
    const { port } = listener.address() as AddressInfo
    client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    ;[[below], [server]] = await Promise.all([accepted, secured])
    close = () => {
      client.destroy()
      listener.close()
    }
  })

  afterEach(() => close())

  it('is the socket that was accepted', () => {
    expect(socketBelow(server)).toBe(below)
  })

  it('bytes wait until the client takes them', async () => {
    expect(untakenBytes(server)).toBe(0)
    client.pause()
    server.write(Buffer.alloc(BODY_BYTES))
    await vi.waitFor(() => expect(untakenBytes(server)).toBeGreaterThan(0))
    client.resume()
    await vi.waitFor(() => expect(untakenBytes(server)).toBe(0), 5000)
  })

  it('nothing is known of a socket that is closed', async () => {
    server.destroy()
    await once(server, 'close')
    expect(untakenBytes(server)).toBeUndefined()
  })
})

it('a socket without TLS is its own', async () => {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const accepted = once(listener, 'connection') as Promise<[Socket]>
  const client = connect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1' })
  client.on('error', () => undefined)
  const [socket] = await accepted
  expect(socketBelow(socket)).toBe(socket)
  expect(untakenBytes(socket)).toBe(0)
  client.destroy()
  listener.close()
})
