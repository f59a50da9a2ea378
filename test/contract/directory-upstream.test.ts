import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createSystemClock } from '#web/system-clock.ts'

import { createDirectoryUpstream } from '../../src/adapters/node/directory-upstream.ts'
import { oracleBytes } from '../support/oracle.ts'
import type { UpstreamHarness } from './upstream-contract.ts'
import { describeUpstream } from './upstream-contract.ts'

const STEP_BYTES = 2 ** 23
const LONG_AGO = new Date('2025-01-01T00:00:00Z')
const FOUR_GIBIBYTES = 2 ** 32

/** A file of the oracle's bytes. Of one too large for that, only the first mebibyte beyond 4 GiB. */
async function writeOracle(file: string, object: string, sizeBytes: number): Promise<void> {
  const isHuge = sizeBytes > FOUR_GIBIBYTES
  const handle = await open(file, 'w')
  try {
    await handle.truncate(sizeBytes)
    let atByte = isHuge ? FOUR_GIBIBYTES : 0
    const lastByte = isHuge ? FOUR_GIBIBYTES + 2 ** 20 : sizeBytes
    for (; atByte < lastByte; atByte += STEP_BYTES) {
      const endByte = Math.min(atByte + STEP_BYTES, lastByte)
      const bytes = oracleBytes({ object, version: 1, startByte: atByte, endByte })
      await handle.write(bytes, 0, bytes.byteLength, atByte)
    }
    // A file that was written just now has no validator that lasts.
    await handle.utimes(LONG_AGO, LONG_AGO)
  } finally {
    await handle.close()
  }
}

async function create(): Promise<UpstreamHarness> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-directory-'))
  return {
    upstream: createDirectoryUpstream({ directory, clock: createSystemClock() }),
    put: (path, { sizeBytes = 0 }) => writeOracle(join(directory, path), path, sizeBytes),
    close: () => rm(directory, { recursive: true, force: true }),
  }
}

describeUpstream('createDirectoryUpstream', create, {
  takesFields: false,
  takesFaults: false,
  takesRaw: false,
  hasUnknownLengths: false,
})
