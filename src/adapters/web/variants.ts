import type { Variant } from '#core/entry/stored-response.ts'
import { isSameSelection } from '#core/entry/stored-response.ts'
import type { Invalidations } from './invalidations.ts'

/** Variants a key may have; more means that Vary names what never repeats. */
export const MAX_VARIANT_COUNT = 16

/** The variants with this head in front, in place of the one with the same nominated values. */
export function withVariant<V extends Pick<Variant, 'head'>>(
  variants: readonly V[],
  added: V,
  maxCount = MAX_VARIANT_COUNT,
): readonly V[] {
  const others = variants.filter((variant) => !isSameSelection(variant.head, added.head))
  return [added, ...others].slice(0, maxCount)
}

/** The variants as the log has them now: gone, to be validated, or as they were. The same list if all are. */
export function judged<V extends Pick<Variant, 'head' | 'logPosition'>>(
  variants: readonly V[],
  invalidations: Invalidations,
): readonly V[] {
  const standings = variants.map(({ head, logPosition }) => {
    const standing = invalidations.standingOf(head, logPosition)
    return standing === 'validate' && head.invalidated ? 'current' : standing
  })
  if (standings.every((standing) => standing === 'current')) return variants
  return variants.flatMap((variant, i): readonly V[] => {
    if (standings[i] === 'drop') return []
    if (standings[i] === 'current') return [variant]
    return [{ ...variant, head: { ...variant.head, invalidated: true } }]
  })
}
