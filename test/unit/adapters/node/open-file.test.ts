import { constants, readlinkSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { openFile } from '../../../../src/adapters/node/open-file.ts'
import { turn } from '../../../support/stepped-clock.ts'

let root: string
let path: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-open-'))
  path = join(root, 'f')
  await writeFile(path, '0123456789')
})

afterEach(async () => {
  await rm(root, { recursive: true })
})

async function isOpen(): Promise<boolean> {
  for (const descriptor of await readdir('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${descriptor}`) === path) return true
    } catch {
      // The one of this very listing is gone by now.
    }
  }
  return false
}

async function becomesClosed(): Promise<boolean> {
  for (let i = 0; i < 1000 && (await isOpen()); i++) await turn()
  return !(await isOpen())
}

describe('openFile', () => {
  it('reads at a position, a part where there is no more, and nothing past the end', async () => {
    const file = await openFile(path, constants.O_RDONLY)
    const into = Buffer.alloc(4)
    expect([await file.read(into, 3), into.toString()]).toEqual([4, '3456'])
    expect([await file.read(into, 8), into.toString()]).toEqual([2, '8956'])
    expect(await file.read(into, 10)).toBe(0)
    expect((await file.stat()).size).toBe(10n)
    file.close()
    expect(await becomesClosed()).toBe(true)
  })

  it('frees the descriptor only after what is under way, and refuses anything later', async () => {
    const file = await openFile(path, constants.O_RDONLY)
    // More than the thread pool takes at once, so that some have yet to begin.
    const reading = Array.from({ length: 100 }, () => file.read(Buffer.alloc(4), 0))
    file.close()
    file.close()
    expect(new Set(await Promise.all(reading))).toEqual(new Set([4]))
    await expect(file.stat()).rejects.toThrow('it is closed')
    expect(await becomesClosed()).toBe(true)
  })

  it('says what the system says of a file that cannot be opened', async () => {
    await expect(openFile(join(root, 'none'), constants.O_RDONLY)).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })

  it('closes what was forgotten, and the process lives on', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    await (await openFile(path, constants.O_RDONLY)).stat()
    for (let i = 0; i < 100 && (await isOpen()); i++) {
      collect()
      await turn()
    }
    expect(await isOpen()).toBe(false)
  })
})
