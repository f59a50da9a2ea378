import { execFileSync } from 'node:child_process'

const NEEDED = ['nginx', 'wrk', 'taskset', 'perl'] as const

/** Debian's names of what is not here. */
export function missingPrograms(): readonly string[] {
  return NEEDED.filter((program) => {
    try {
      execFileSync('which', [program], { stdio: 'ignore' })
      return false
    } catch {
      return true
    }
  })
}
