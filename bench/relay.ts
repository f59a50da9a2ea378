// A process that passes connections on to a port: as it is, or as over a network that is slow.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

import type { Faults } from '../test/support/fault-proxy.ts'
import { startFaultProxy } from '../test/support/fault-proxy.ts'
import { stopChild } from './peers.ts'

export interface Relay {
  readonly port: number
  stop(): Promise<void>
}

/** Starts it on a core of its own choice; without faults it does no more than pipe. */
export async function startRelay(
  targetPort: number,
  core: string,
  faults?: Faults,
): Promise<Relay> {
  const script = fileURLToPath(import.meta.url)
  const args = [script, String(targetPort), JSON.stringify(faults ?? null)]
  const child = spawn('taskset', ['-c', core, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: Number(said.toString()), stop: () => stopChild(child) }
}

async function main(targetPort: number, faults: Faults | null): Promise<number> {
  if (faults !== null) return (await startFaultProxy({ targetPort, faults })).port
  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true })
    join(client, target)
    join(target, client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function join(from: Socket, to: Socket): void {
  from.on('error', () => to.destroy())
  from.pipe(to)
}

const [, script, targetPort, faults = 'null'] = process.argv
if (script === fileURLToPath(import.meta.url)) {
  const port = await main(Number(targetPort), JSON.parse(faults) as Faults | null)
  process.stdout.write(`${port}\n`)
}
