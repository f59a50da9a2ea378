// Config files that live as long as a test file.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ConfigFiles {
  readonly directory: string
  /** Writes a file and returns its path; what is not text is written as JSON. */
  write(name: string, content: string | object): string
  remove(): void
}

export function createConfigFiles(): ConfigFiles {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-config-'))
  return {
    directory,
    write(name, content) {
      const path = join(directory, name)
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
      return path
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
