import type { StoredResponse, Variant } from '#core/entry/stored-response.ts'

/** Variants a key may have; more means that Vary names what never repeats. */
export const MAX_VARIANT_COUNT = 16

/** The variants with this head in front, in place of the one with the same nominated values. */
export function withVariant(
  variants: readonly Variant[],
  added: Variant,
  maxCount = MAX_VARIANT_COUNT,
): readonly Variant[] {
  const others = variants.filter((variant) => !isSameSelection(variant.head, added.head))
  return [added, ...others].slice(0, maxCount)
}

function isSameSelection(a: StoredResponse, b: StoredResponse): boolean {
  const [left, right] = [a.nominated, b.nominated]
  return (
    left.names.length === right.names.length &&
    left.names.every((name, i) => name === right.names[i]) &&
    left.values.every((value, i) => value === right.values[i])
  )
}
