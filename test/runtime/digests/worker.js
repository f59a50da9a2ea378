// `POST /<algorithm>/<piece length>` gives the digest of the body, made by what the Worker has.

import { createWorkerDigests } from '../../../src/adapters/worker/worker-digests.ts'
import { digestPieces } from '../../support/digest-pieces.ts'

export default {
  async fetch(request) {
    const [, algorithm, pieceBytes] = new URL(request.url).pathname.split('/')
    const bytes = new Uint8Array(await request.arrayBuffer())
    return new Response(
      await digestPieces(createWorkerDigests(), algorithm, bytes, Number(pieceBytes)),
    )
  },
}
