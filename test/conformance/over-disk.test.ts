import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll } from 'vitest'

import { describeSockets } from './describe-sockets.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-conformance-'))

afterAll(() => rmSync(directory, { recursive: true, force: true }))

// Little memory, so that much of what is used again comes from disk.
describeSockets('sockets and disk', 'rfc', [`--disk=${directory}`, '--memory=1MiB'])
