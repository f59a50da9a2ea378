// Maps that forget what was written longest ago.

/** Writes an entry as the newest of the map; beyond `maxCount` entries the oldest goes. */
export function remember<K, V>(map: Map<K, V>, key: K, value: V, maxCount: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= maxCount) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
