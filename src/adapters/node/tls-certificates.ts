// The certificates in use: each a pair that is whole and fits, taken anew from its files when these change.

import type { Clock } from '#core/ports/clock.ts'
import { chooseByName } from './tls-names.ts'
import { PairError, createPair, readPair } from './tls-pair.ts'
import type { Pair, PairFiles } from './tls-pair.ts'

export interface CertificateSettings {
  /** For logs and metrics. */
  readonly name: string
  /** None: for clients that name no host of another. */
  readonly hosts: readonly string[]
  readonly files: PairFiles
  /** What the settings with these files are called. */
  readonly settings: Readonly<Record<keyof PairFiles, string>>
}

export type CertificateEvent =
  | { readonly kind: 'certificate-used'; readonly name: string; readonly expiresAtMs: number }
  /** What was in use stays in use. */
  | { readonly kind: 'certificate-refused'; readonly name: string; readonly reason: string }
  | { readonly kind: 'certificate-expired'; readonly name: string; readonly expiresAtMs: number }

export interface CertificatesOptions {
  readonly clock: Clock
  record(event: CertificateEvent): void
}

export interface Certificates {
  /** For clients that name no host. */
  fallback(): Pair | undefined
  /** @param serverName As the client sent it: anything. */
  choose(serverName: string): Pair | undefined
  /** The response to staple for a certificate in use, DER in and out. */
  ocspOf(der: Buffer): Buffer | undefined
  /** Expiry by name, milliseconds since the epoch. */
  expiries(): ReadonlyMap<string, number>
  /** Called when pairs have been taken into use from then on. */
  onUsed(listener: () => void): void
  /** Looks at the files now, and not only every few seconds. */
  reload(): Promise<void>
  close(): void
}

/** How often the files are read, whole: whatever they are replaced by and however, their bytes say so. */
const LOOK_MS = 3000

interface Holder {
  readonly settings: CertificateSettings
  readonly hosts: readonly string[]
  pair: Pair
  /** Of the bytes last seen, be they in use or refused. */
  digest: string
  /** Why they are refused, as it was told. */
  problem: string | undefined
}

/** @throws When a pair cannot be used, saying which setting is to blame. */
export async function loadCertificates(
  all: readonly CertificateSettings[],
  { clock, record }: CertificatesOptions,
): Promise<Certificates> {
  const holders = await Promise.all(all.map(load))
  const named = holders.filter(({ hosts }) => hosts.length > 0)
  const fallback = holders.find(({ hosts }) => hosts.length === 0)
  const listeners: (() => void)[] = []
  let looking = Promise.resolve()
  let cancelLook = clock.after(LOOK_MS, lookAgain)
  let isClosed = false

  async function look(holder: Holder): Promise<void> {
    const { name, files } = holder.settings
    try {
      const bytes = await readPair(files)
      if (bytes.digest === holder.digest) return
      holder.digest = bytes.digest
      holder.problem = undefined
      holder.pair = createPair(bytes)
      record({ kind: 'certificate-used', name, expiresAtMs: holder.pair.expiresAtMs })
      warnIfExpired(holder)
      for (const listener of listeners) listener()
    } catch (error) {
      const reason = problemOf(holder.settings, error)
      if (reason !== holder.problem) record({ kind: 'certificate-refused', name, reason })
      holder.problem = reason
    }
  }

  function warnIfExpired({ pair: { expiresAtMs }, settings: { name } }: Holder): void {
    if (expiresAtMs <= clock.nowMs()) record({ kind: 'certificate-expired', name, expiresAtMs })
  }

  /** One after another: the last who looks sees what is there last. */
  function reload(): Promise<void> {
    looking = looking.then(async () => {
      for (const holder of holders) await look(holder)
    })
    return looking
  }

  function lookAgain(): void {
    void reload().then(() => {
      if (!isClosed) cancelLook = clock.after(LOOK_MS, lookAgain)
    })
  }

  holders.forEach(warnIfExpired)
  return {
    fallback: () => fallback?.pair,
    choose: (serverName) => (chooseByName(named, serverName) ?? fallback)?.pair,
    ocspOf: (der) => holders.find(({ pair }) => pair.der.equals(der))?.pair.ocsp,
    expiries: () => new Map(holders.map(({ settings, pair }) => [settings.name, pair.expiresAtMs])),
    onUsed: (listener) => void listeners.push(listener),
    reload,
    close() {
      isClosed = true
      cancelLook()
    },
  }
}

async function load(settings: CertificateSettings): Promise<Holder> {
  try {
    const bytes = await readPair(settings.files)
    const { digest } = bytes
    const pair = createPair(bytes)
    return { settings, hosts: settings.hosts, pair, digest, problem: undefined }
  } catch (error) {
    throw new Error(problemOf(settings, error), { cause: error })
  }
}

function problemOf({ settings, files }: CertificateSettings, error: unknown): string {
  if (!(error instanceof PairError)) throw error
  const path = JSON.stringify(files[error.file])
  return `Cannot use setting "${settings[error.file]}" = ${path}: ${error.message}`
}
