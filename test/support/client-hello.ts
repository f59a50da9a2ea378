// ClientHellos with names that no library would send.

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:tls'

const MARKER = Buffer.from('marker.test')
/** Before the name: type and length of the extension, length of the list, type of the name, length of the name. */
const NAME_HEAD_BYTES = 9
/** Before the session id: header of the record and of the message, version, random. */
const FIXED_BYTES = 5 + 4 + 2 + 32

/** A ClientHello in one record, as OpenSSL makes it, with these bytes for the name of the server. */
export async function clientHello(serverName: Buffer): Promise<Buffer> {
  const hello = Buffer.from(await recorded())
  const at = hello.indexOf(MARKER)
  const changed = Buffer.concat([
    hello.subarray(0, at),
    serverName,
    hello.subarray(at + MARKER.byteLength),
  ])
  const moreBytes = serverName.byteLength - MARKER.byteLength
  const lengthsAt = [3, 7, extensionsAt(hello), at - NAME_HEAD_BYTES + 2, at - 5, at - 2]
  for (const offset of lengthsAt) {
    changed.writeUInt16BE(changed.readUInt16BE(offset) + moreBytes, offset)
  }
  return changed
}

let hello: Promise<Buffer> | undefined

function recorded(): Promise<Buffer> {
  hello ??= record()
  return hello
}

async function record(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1', servername: MARKER.toString() })
  client.on('error', () => undefined)
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  client.destroy()
  server.close()
  return bytes
}

/** Where the length of all extensions stands, after session id, cipher suites and compression methods. */
function extensionsAt(bytes: Buffer): number {
  const suitesAt = FIXED_BYTES + 1 + bytes.readUInt8(FIXED_BYTES)
  const methodsAt = suitesAt + 2 + bytes.readUInt16BE(suitesAt)
  return methodsAt + 1 + bytes.readUInt8(methodsAt)
}
