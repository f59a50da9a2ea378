import type { Maybe } from '#core/entry/byte-source.ts'
import { isPromise } from '#core/entry/byte-source.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'

/** Keeps a disk's failures from whoever asks it: they become events, and what failed is absent. */
export interface DiskGuard {
  act<T>(task: () => Maybe<T>): Maybe<T | undefined>
  /** As `act`, and known to be under way until it is done. */
  write<T>(key: CacheKey, task: () => Maybe<T>): Maybe<T | undefined>
  isWriting(key: CacheKey): boolean
  /** Resolves when nothing is being written under the key. */
  written(key: CacheKey): Promise<void>
}

export function createDiskGuard(record: (event: FlowEvent) => void): DiskGuard {
  const writing = new Map<CacheKey, Promise<unknown>>()

  function tell(error: unknown): undefined {
    const message = error instanceof Error ? error.message : String(error)
    record({ kind: 'store-failed', message })
    return undefined
  }

  function act<T>(task: () => Maybe<T>): Maybe<T | undefined> {
    try {
      const acted = task()
      return isPromise(acted) ? acted.catch(tell) : acted
    } catch (error) {
      return tell(error)
    }
  }

  return {
    act,
    write(key, task) {
      const acted = act(task)
      if (!isPromise(acted)) return acted
      const before = writing.get(key)
      const ended = Promise.all([acted, before]).then(([done]) => {
        if (writing.get(key) === ended) writing.delete(key)
        return done
      })
      writing.set(key, ended)
      return ended
    },
    isWriting: (key) => writing.has(key),
    async written(key) {
      for (let task = writing.get(key); task !== undefined; task = writing.get(key)) await task
    },
  }
}
