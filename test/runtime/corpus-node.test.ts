import { pino } from 'pino'

import { configSchema } from '#config'

import { startNode } from '../../src/node.ts'
import { CORPUS_SEGMENT_BYTES } from './corpus.ts'
import { describeCorpus } from './describe-corpus.ts'

describeCorpus('Node', async (origin) => {
  const running = await startNode({
    config: configSchema.parse({
      origin,
      segment: CORPUS_SEGMENT_BYTES,
      listen: '127.0.0.1:0',
      admin: 'off',
      disk: 'off',
    }),
    fallback: { kind: 'http', url: new URL(origin) },
    environment: {},
    logger: pino({ level: 'silent' }),
    accessLog: undefined,
  })
  const [url = ''] = running.urls
  return { url, close: () => running.drain(0) }
})
