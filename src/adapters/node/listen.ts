import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What is to be done, by the code of the system. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'another process listens there already'],
  ['EACCES', 'this user may not listen there'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['ENOTFOUND', 'there is no such name'],
])

/** Resolves with the address bound; rejects with a message that says which was not to be had, and why. */
export async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const advice = ADVICE.get(error.code ?? '') ?? error.message
      reject(new Error(`Cannot listen on ${host}:${port}: ${advice}`, { cause: error }))
    })
    server.listen(port, host, () => resolve())
  })
  // Once bound, what fails is a single accept: no reason to end.
  server.on('error', () => undefined)
  return server.address() as AddressInfo
}
