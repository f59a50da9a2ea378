import { close, fstat, open, read } from 'node:fs'
import type { BigIntStats } from 'node:fs'

/** A file open for reading, by descriptor. */
export interface OpenFile {
  stat(): Promise<BigIntStats>
  /** Reads into all or a part of `into`; gives how much, zero at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Frees the descriptor as soon as nothing is under way on it. Harmless twice. */
  close(): void
}

interface Descriptor {
  readonly fd: number
  pendingCount: number
  state: 'open' | 'closing' | 'closed'
}

/**
 * Whoever forgets a response must not cost a descriptor for ever. Nor the process: Node ends it when a
 * `FileHandle` of its own is forgotten, which is why this is none.
 */
const forgotten = new FinalizationRegistry<Descriptor>(release)

/** @param flags As in `fs.constants`. */
export function openFile(path: string, flags: number): Promise<OpenFile> {
  const { promise, resolve, reject } = Promise.withResolvers<OpenFile>()
  open(path, flags, (error, fd) => (error === null ? resolve(createOpenFile(fd)) : reject(error)))
  return promise
}

function createOpenFile(fd: number): OpenFile {
  const descriptor: Descriptor = { fd, pendingCount: 0, state: 'open' }
  const file: OpenFile = {
    stat: () =>
      pending<BigIntStats>(descriptor, (callback) => fstat(fd, { bigint: true }, callback)),
    read: (into, position) =>
      pending<number>(descriptor, (callback) =>
        read(fd, into, 0, into.byteLength, position, callback),
      ),
    close() {
      forgotten.unregister(descriptor)
      release(descriptor)
    },
  }
  forgotten.register(file, descriptor, descriptor)
  return file
}

/** Runs one operation; a descriptor is not freed under it, as it could be another file's by then. */
function pending<T>(
  descriptor: Descriptor,
  start: (callback: (error: Error | null, value: T) => void) => void,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  if (descriptor.state !== 'open') {
    reject(new Error('Cannot read file: it is closed'))
    return promise
  }
  descriptor.pendingCount += 1
  start((error, value) => {
    descriptor.pendingCount -= 1
    if (descriptor.state === 'closing') release(descriptor)
    if (error === null) resolve(value)
    else reject(error)
  })
  return promise
}

function release(descriptor: Descriptor): void {
  if (descriptor.state === 'closed') return
  descriptor.state = 'closing'
  if (descriptor.pendingCount > 0) return
  descriptor.state = 'closed'
  close(descriptor.fd, () => undefined)
}
