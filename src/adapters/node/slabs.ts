// The slab files: appended to, read from, unlinked; never overwritten.

import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

import { codeOf, createFile, openFile, slabPathOf } from './disk-files.ts'
import { ALIGN_BYTES, NONCE_BYTES, encodeSlabHeader } from './disk-record.ts'

export interface Slab {
  readonly number: number
  /** Stands in each of its records, so that bytes of a body are never taken for one. */
  readonly nonce: Uint8Array
  /** Where the next record goes; what the file takes of the budget. */
  endByte: number
  /** By the clock of the policy; long ago for one that was there before this process. */
  readonly startedAtByte: number
  /** Unlinked: what is asked of it now is absent, and no failure. */
  isGone: boolean
}

/** Slabs kept open; with 256 MiB each, that is 64 GiB at hand. */
const MAX_OPEN_COUNT = 256

/** A read that found less, or a write that wrote less, than it should have. */
class ShortTransferError extends Error {
  readonly bytes: number
  constructor(message: string, bytes: number) {
    super(message)
    this.bytes = bytes
  }
}

const MIN_SLAB_BYTES = 4 * 1024 * 1024
const MAX_SLAB_BYTES = 256 * 1024 * 1024

/** Small beside the whole, as what is evicted is a slab; large enough that there are not too many files. */
export function standardSlabBytes(maxBytes: number): number {
  const standardBytes = Math.min(Math.max(maxBytes / 128, MIN_SLAB_BYTES), MAX_SLAB_BYTES)
  return Math.min(standardBytes, maxBytes / 4)
}

export class Slabs {
  readonly #directory: string
  /** By number, which is also by age. */
  readonly #slabs = new Map<number, Slab>()
  /** The least recently used first. */
  readonly #handles = new Map<number, Promise<FileHandle>>()
  #nextNumber = 1
  #bytes = 0
  active: Slab | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#slabs.size
  }

  get(number: number): Slab | undefined {
    return this.#slabs.get(number)
  }

  /** The one to be evicted next. */
  get oldest(): Slab | undefined {
    let oldest: Slab | undefined
    for (const slab of this.#slabs.values()) {
      if (oldest === undefined || slab.number < oldest.number) oldest = slab
    }
    return oldest
  }

  get all(): readonly Slab[] {
    return [...this.#slabs.values()]
  }

  /** Takes up a slab that was there before this process. */
  adopt(
    number: number,
    nonce: Uint8Array,
    endByte: number,
    startedAtByte = Number.NEGATIVE_INFINITY,
  ): Slab {
    const slab: Slab = { number, nonce, endByte, startedAtByte, isGone: false }
    this.#slabs.set(number, slab)
    this.#bytes += endByte
    this.reserve(number)
    return slab
  }

  /** Numbers are never used twice, as the index may still name the slab that had it. */
  reserve(number: number): void {
    this.#nextNumber = Math.max(this.#nextNumber, number + 1)
  }

  /** Begins a slab, which then is the active one. */
  async create(createdAtMs: number, lastPosition: number, startedAtByte: number): Promise<Slab> {
    const number = this.#nextNumber++
    const path = slabPathOf(this.#directory, number)
    const nonce = randomBytes(NONCE_BYTES)
    const handle = await createFile(path)
    const header = encodeSlabHeader({ slab: number, nonce, createdAtMs, lastPosition })
    try {
      const { bytesWritten } = await handle.write(header, 0, ALIGN_BYTES, 0)
      if (bytesWritten < ALIGN_BYTES) throw new ShortTransferError('Short write', bytesWritten)
    } catch (error) {
      await handle.close().catch(() => undefined)
      await rm(path, { force: true }).catch(() => undefined)
      throw error
    }
    this.#handles.set(number, Promise.resolve(handle))
    this.active = this.adopt(number, nonce, ALIGN_BYTES, startedAtByte)
    return this.active
  }

  /** @throws Also where less was written; what it wrote counts for the budget either way. */
  async append(slab: Slab, buffers: readonly Uint8Array[]): Promise<void> {
    const wantedBytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)
    let writtenBytes = 0
    try {
      const handle = await this.#open(slab)
      writtenBytes = (await handle.writev(buffers, slab.endByte)).bytesWritten
    } finally {
      slab.endByte += writtenBytes
      this.#bytes += writtenBytes
    }
    if (writtenBytes < wantedBytes) {
      const facts = `wrote ${writtenBytes} of ${wantedBytes} bytes`
      throw new ShortTransferError(`Cannot append to slab ${slab.number}: ${facts}`, writtenBytes)
    }
  }

  async sync(slab: Slab): Promise<void> {
    await (await this.#open(slab)).datasync()
  }

  /** Fills the buffers from this byte on. @throws Where the file ends before they are full. */
  async read(slab: Slab, buffers: readonly Uint8Array[], offset: number): Promise<void> {
    const wantedBytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)
    const { bytesRead } = await this.#readv(slab, buffers, offset)
    if (bytesRead < wantedBytes) {
      const facts = `read ${bytesRead} of ${wantedBytes} bytes`
      const message = `Cannot read slab ${slab.number} at ${offset}: ${facts}`
      throw new ShortTransferError(message, bytesRead)
    }
  }

  /** Takes the file out of the directory; reads under way finish. */
  async unlink(slab: Slab): Promise<void> {
    slab.isGone = true
    this.#slabs.delete(slab.number)
    this.#bytes -= slab.endByte
    if (this.active === slab) this.active = undefined
    try {
      await this.remove(slab)
    } finally {
      this.#release(slab.number)
    }
  }

  /** Takes away the file of one that is unlinked, and that could not be taken away then. */
  async remove({ number }: Slab): Promise<void> {
    await rm(slabPathOf(this.#directory, number), { force: true })
  }

  async close(): Promise<void> {
    const handles = [...this.#handles.values()]
    this.#handles.clear()
    this.#slabs.clear()
    this.#bytes = 0
    this.active = undefined
    await Promise.all(handles.map(closeHandle))
  }

  async #readv(slab: Slab, buffers: readonly Uint8Array[], offset: number) {
    const handle = await this.#open(slab)
    try {
      return await handle.readv(buffers, offset)
    } catch (error) {
      // The handle may have been given up for another slab just before it was used.
      if (codeOf(error) !== 'EBADF' || slab.isGone) throw error
      return (await this.#open(slab)).readv(buffers, offset)
    }
  }

  #open(slab: Slab): Promise<FileHandle> {
    const { number } = slab
    const open = this.#handles.get(number)
    if (open !== undefined) {
      this.#handles.delete(number)
      this.#handles.set(number, open)
      return open
    }
    const opening = openFile(slabPathOf(this.#directory, number))
    this.#handles.set(number, opening)
    opening.catch(() => this.#handles.delete(number))
    for (const oldest of this.#handles.keys()) {
      if (this.#handles.size <= MAX_OPEN_COUNT) break
      if (oldest !== this.active?.number) this.#release(oldest)
    }
    return opening
  }

  /** Closing a handle waits for the reads on it. */
  #release(number: number): void {
    const handle = this.#handles.get(number)
    this.#handles.delete(number)
    if (handle !== undefined) void closeHandle(handle)
  }
}

async function closeHandle(opening: Promise<FileHandle>): Promise<void> {
  const handle = await opening.catch(() => undefined)
  await handle?.close().catch(() => undefined)
}
