// A gate holds whoever comes until the test lets them through, so that no test needs to sleep.

import { once } from 'node:events'

export interface Gate {
  /** Resolves when the gate opens; at once if it is open. Rejects when the signal aborts. */
  wait(signal?: AbortSignal): Promise<void>
  /** Resolves once this many have come in all, waiting or already through. */
  arrived(count?: number): Promise<void>
  /** Lets everyone through, from now on. */
  release(): void
  /** Lets the one through who waits longest; the gate stays shut. */
  releaseOne(): void
  readonly waitingCount: number
}

export function createGate(): Gate {
  const waiting: AbortController[] = []
  const watchers = new Set<{ count: number; resolve: () => void }>()
  let isOpen = false
  let arrivedCount = 0

  function announce(): void {
    arrivedCount += 1
    for (const watcher of watchers) {
      if (arrivedCount < watcher.count) continue
      watchers.delete(watcher)
      watcher.resolve()
    }
  }

  return {
    async wait(signal) {
      if (isOpen) return announce()
      const turn = new AbortController()
      waiting.push(turn)
      const opened = once(turn.signal, 'abort', signal === undefined ? {} : { signal })
      announce()
      try {
        await opened
      } finally {
        const index = waiting.indexOf(turn)
        if (index >= 0) waiting.splice(index, 1)
      }
    },
    async arrived(count = 1) {
      if (arrivedCount >= count) return
      const { promise, resolve } = Promise.withResolvers<void>()
      watchers.add({ count, resolve })
      await promise
    },
    release() {
      isOpen = true
      for (const turn of waiting.splice(0)) turn.abort()
    },
    releaseOne() {
      waiting.shift()?.abort()
    },
    get waitingCount() {
      return waiting.length
    },
  }
}
