import { createNodeDigests } from '../../src/adapters/node/node-digests.ts'
import { digestPieces } from '../support/digest-pieces.ts'
import { describeDigests } from './digests-contract.ts'

describeDigests('createNodeDigests', async () => ({
  digest: (algorithm, bytes, pieceBytes) =>
    digestPieces(createNodeDigests(), algorithm, bytes, pieceBytes),
  close: () => Promise.resolve(),
}))
