import { nodeDigests } from '../../src/adapters/node/node-digests.ts'
import { digestPieces } from '../support/digest-pieces.ts'
import { describeDigests } from './digests-contract.ts'

describeDigests('nodeDigests', async () => ({
  digest: (algorithm, bytes, pieceBytes) => digestPieces(nodeDigests, algorithm, bytes, pieceBytes),
  close: () => Promise.resolve(),
}))
