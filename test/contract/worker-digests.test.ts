// The digests of workerd, made there.

import { fileURLToPath } from 'node:url'

import { startWorkerd } from '../support/workerd.ts'
import { describeDigests } from './digests-contract.ts'

const CONFIG = fileURLToPath(new URL('../runtime/digests/wrangler.toml', import.meta.url))

describeDigests('createWorkerDigests', async () => {
  const workerd = await startWorkerd(CONFIG)
  return {
    async digest(algorithm, bytes, pieceBytes) {
      const url = `${workerd.url}/${algorithm}/${pieceBytes}`
      const response = await fetch(url, { method: 'POST', body: Uint8Array.from(bytes) })
      return await response.text()
    },
    close: () => workerd.close(),
  }
})
