/** Runs it for each item, at most so many at once, in order of the list; rejects with the first that does. */
export async function concurrently<Item>(
  items: Iterable<Item>,
  maxCount: number,
  run: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  const queue = [...items].entries()
  async function work(): Promise<void> {
    for (const [index, item] of queue) await run(item, index)
  }
  await Promise.all(Array.from({ length: maxCount }, work))
}
