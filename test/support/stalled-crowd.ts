// Clients that ask, read the first bytes of an answer, and then read no more.
//
// They are sockets of Perl, which is part of every Debian: Node sets neither a receive window nor a segment
// size. On loopback a segment has 64 KiB, and for each connection the kernel would take 4 MiB from a server
// before the server noticed anything; with segments as on a network it takes what it takes there, and the
// machine has memory for thousands of them.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

import { programPath } from './programs.ts'

export interface StalledRequest {
  readonly target: string
  readonly startByte: number
  /** Exclusive. */
  readonly endByte: number
}

export interface StalledCrowd {
  /** How many have had a first byte, all of them as a rule. */
  readonly startedCount: number
  /** Goes away with all connections. */
  leave(): Promise<void>
}

/** Half of it is the window: 4 KiB. */
const RECEIVE_BUFFER_BYTES = 8192
const SEGMENT_BYTES = 1460
const PROGRAM = `
use strict; use Socket qw(:all);
my ($port) = @ARGV;
my @sockets;
while (my $line = <STDIN>) {
  last if $line eq "\\n";
  my ($target, $range) = split ' ', $line;
  socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
  setsockopt($socket, SOL_SOCKET, SO_RCVBUF, ${RECEIVE_BUFFER_BYTES});
  setsockopt($socket, IPPROTO_TCP, TCP_MAXSEG, ${SEGMENT_BYTES});
  connect($socket, sockaddr_in($port, INADDR_LOOPBACK)) or die "connect: $!";
  syswrite $socket, "GET $target HTTP/1.1\\r\\nHost: edge.test\\r\\nRange: $range\\r\\n\\r\\n";
  push @sockets, $socket;
}
my $started = 0;
for my $socket (@sockets) { sysread($socket, my $bytes, 1024) and $started++ }
syswrite STDOUT, "$started\\n";
<STDIN>;
`

/** Resolves when each has read what it will read. */
export async function startStalledCrowd(
  port: number,
  requests: readonly StalledRequest[],
): Promise<StalledCrowd> {
  const child = spawn(programPath('perl') ?? 'perl', ['-e', PROGRAM, String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  const lines = requests.map(
    ({ target, startByte, endByte }) => `${target} bytes=${startByte}-${endByte - 1}\n`,
  )
  child.stdin.write(`${lines.join('')}\n`)
  const [said] = (await Promise.race([once(child.stdout, 'data'), ended])) as [unknown]
  if (!Buffer.isBuffer(said)) throw new Error(`Cannot stall: perl ended with ${String(said)}`)
  return {
    startedCount: Number(said.toString()),
    async leave() {
      child.stdin.end()
      await ended
    },
  }
}

/** Connections that a server has accepted on the port and not closed. */
export function openConnectionCount(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  // Local address, remote address, state: 01 is ESTABLISHED.
  return lines.filter((line) => {
    const [, here = '', , state] = line.trim().split(/\s+/)
    return here.endsWith(local) && state === '01'
  }).length
}
