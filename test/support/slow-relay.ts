// Between a client and a server on loopback, as a slow network is: small windows, and so many bytes a second.
//
// In Perl, which is part of every Debian: Node sets neither a receive window nor a segment size, and with those of
// loopback the kernel takes megabytes from a server before the server notices anything.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

import { programPath } from './programs.ts'

export interface SlowRelay {
  readonly port: number
  /** For one client, until it or the server ends. */
  readonly ended: Promise<unknown>
}

const PROGRAM = `
use strict; use Socket qw(:all); use Time::HiRes qw(time); $| = 1;
my ($to, $bytes, $ms) = @ARGV;
socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
listen($listener, 1);
my ($port) = sockaddr_in(getsockname($listener));
print "$port\\n";
accept(my $client, $listener) or die "accept: $!";
socket(my $server, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
setsockopt($server, SOL_SOCKET, SO_RCVBUF, 8192);
setsockopt($server, IPPROTO_TCP, TCP_MAXSEG, 1460);
connect($server, sockaddr_in($to, INADDR_LOOPBACK)) or die "connect: $!";
my $next = 0;
while (1) {
  my $wait = $next - time;
  vec(my $ready = '', fileno($client), 1) = 1;
  vec($ready, fileno($server), 1) = 1 if $wait <= 0;
  select($ready, undef, undef, $wait > 0 ? $wait : undef);
  if (vec($ready, fileno($client), 1)) { sysread($client, my $up, 65536) or last; syswrite $server, $up }
  if (vec($ready, fileno($server), 1)) { sysread($server, my $down, $bytes) or last; syswrite $client, $down; $next = time + $ms / 1000 }
}
`

/** So many bytes at a time from the server on `port`, and then none for `everyMs`. */
export async function startSlowRelay(
  port: number,
  { chunkBytes, everyMs }: { readonly chunkBytes: number; readonly everyMs: number },
): Promise<SlowRelay> {
  const args = ['-e', PROGRAM, String(port), String(chunkBytes), String(everyMs)]
  const child = spawn(programPath('perl') ?? 'perl', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: Number(line.toString()), ended }
}
