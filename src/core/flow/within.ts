import type { Clock } from '../ports/clock.ts'

/** What is promised, if it comes within the time; else `undefined`, and it is for others to look after it. */
export async function within<T>(
  promised: Promise<T>,
  limitMs: number,
  clock: Clock,
): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const cancel = clock.after(limitMs, () => resolve(undefined))
  try {
    return await Promise.race([promised, promise])
  } finally {
    cancel()
  }
}
