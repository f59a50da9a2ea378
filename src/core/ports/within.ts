import type { Clock } from './clock.ts'

/**
 * What is promised, if it comes within the time; else `undefined`, and it is for others to look after it.
 *
 * @param onLate Called at the moment when the time is over.
 */
export async function within<T>(
  promised: Promise<T>,
  limitMs: number,
  clock: Clock,
  onLate?: () => void,
): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const cancel = clock.after(limitMs, () => {
    onLate?.()
    resolve(undefined)
  })
  try {
    return await Promise.race([promised, promise])
  } finally {
    cancel()
  }
}
