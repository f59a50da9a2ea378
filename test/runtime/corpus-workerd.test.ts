import { fileURLToPath } from 'node:url'

import { startWorkerd } from '../support/workerd.ts'
import { CORPUS_SEGMENT_BYTES } from './corpus.ts'
import { describeCorpus } from './describe-corpus.ts'

const CONFIG = fileURLToPath(new URL('../../wrangler.toml', import.meta.url))

describeCorpus('workerd', (origin) =>
  startWorkerd(CONFIG, { SLUICE_ORIGIN: origin, SLUICE_SEGMENT: String(CORPUS_SEGMENT_BYTES) }),
)
