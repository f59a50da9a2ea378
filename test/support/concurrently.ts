/** Runs it for each item, at most so many at once, in order of the list; rejects with the first that does. */
export async function concurrently<Item>(
  items: Iterable<Item>,
  maxCount: number,
  run: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  // Each is asked for when it is its turn: what comes next may depend on what was.
  const queue = items[Symbol.iterator]()
  let count = 0
  async function work(): Promise<void> {
    for (let next = queue.next(); next.done !== true; next = queue.next()) {
      await run(next.value, count++)
    }
  }
  await Promise.all(Array.from({ length: maxCount }, work))
}
