/** Connections that the listeners which share these may have together. */
export interface Places {
  readonly maxCount: number
  /** @returns Whether there was one left. */
  take(): boolean
  leave(): void
}

export function createPlaces(maxCount: number): Places {
  let takenCount = 0
  return {
    maxCount,
    take() {
      if (takenCount >= maxCount) return false
      takenCount += 1
      return true
    },
    leave() {
      takenCount -= 1
    },
  }
}
