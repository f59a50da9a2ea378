import { describe, expect, it } from 'vitest'

import { createTestFillScopes, createTestScope } from '../../support/scopes.ts'
import { createSteppedClock } from '../../support/stepped-clock.ts'

describe('createSteppedClock', () => {
  it('fires due timers in order, each at its own instant, with turns between them', async () => {
    const clock = createSteppedClock(1_000_000)
    const fired: [string, number][] = []
    clock.after(20, () => fired.push(['b', clock.nowMs()]))
    clock.after(10, () => {
      fired.push(['a', clock.nowMs()])
      void Promise.resolve().then(() => clock.after(5, () => fired.push(['c', clock.nowMs()])))
    })
    clock.after(31, () => fired.push(['late', clock.nowMs()]))
    await clock.step(30)
    expect(fired).toEqual([
      ['a', 1_000_010],
      ['c', 1_000_015],
      ['b', 1_000_020],
    ])
    expect(clock.nowMs()).toBe(1_000_030)
    expect(clock.pendingCount()).toBe(1)
  })

  it('fires at the instant, not before, and not what was cancelled', async () => {
    const clock = createSteppedClock()
    let count = 0
    clock.after(10, () => count++)
    const cancel = clock.after(10, () => count++)
    cancel()
    await clock.step(9)
    expect(count).toBe(0)
    clock.advance(1)
    expect(count).toBe(1)
    expect(clock.pendingCount()).toBe(0)
  })

  it('sets the wall clock without touching the monotonic one', () => {
    const clock = createSteppedClock(5000)
    const before = clock.monotonicMs()
    clock.setWall(1000)
    expect(clock.nowMs()).toBe(1000)
    clock.advance(10)
    expect([clock.nowMs(), clock.monotonicMs() - before]).toEqual([1010, 10])
  })
})

describe('createTestScope', () => {
  it('collects events and interims, and waits for work that adds work', async () => {
    const scope = createTestScope()
    const done: string[] = []
    scope.record({ kind: 'collapsed' })
    scope.onInterim?.(103, ['link', '</a>'])
    scope.background(
      Promise.resolve().then(() => {
        scope.background(Promise.resolve().then(() => done.push('second')))
        return done.push('first')
      }),
    )
    await scope.settled()
    expect(done).toEqual(['first', 'second'])
    expect(scope.events).toEqual([{ kind: 'collapsed' }])
    expect(scope.interims).toEqual([{ status: 103, fields: ['link', '</a>'] }])
  })

  it('tells of background work that failed', async () => {
    const scope = createTestScope()
    scope.background(Promise.reject(new Error('Cannot finish')))
    await expect(scope.settled()).rejects.toThrow('Cannot finish')
  })

  it('makes fill scopes that collect events in one list and abort alone', async () => {
    const fills = createTestFillScopes()
    const from = createTestScope()
    const [a, b] = [fills.scopes(from), fills.scopes(from)]
    a.record({ kind: 'collapsed' })
    b.record({ kind: 'version-changed' })
    a.abort('over')
    expect(fills.events.map(({ kind }) => kind)).toEqual(['collapsed', 'version-changed'])
    expect([a.signal.aborted, b.signal.aborted, from.signal.aborted]).toEqual([true, false, false])
    await fills.settled()
  })
})
