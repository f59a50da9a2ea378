// The disk tier after kill -9: at every kind of system call that it makes, one by one, and at any moment.
// SLUICE_CRASH_POINTS says how many of each, for a long run.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { concurrently } from '../support/concurrently.ts'
import type { CrashAim, CrashPlace, CrashSite } from '../support/crash-point.ts'
import { crashAfter, crashAt, inspect } from '../support/crash-point.ts'
import { nothingTold } from '../support/crash-entries.ts'
import { diskFixtureAt } from '../support/disk-fixture.ts'
import { describeWith } from '../support/programs.ts'
import { createSeededRandom } from '../support/seeded-random.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

const CI_COUNT = 66
const POINT_COUNT = Number(process.env['SLUICE_CRASH_POINTS'] ?? CI_COUNT)
const RANDOM_COUNT = POINT_COUNT > CI_COUNT ? POINT_COUNT : 10
const SEED = Number(process.env['SLUICE_CRASH_SEED'] ?? 20_261_120)
const LEAST_COUNT = 8
/** Points beyond those asked for, until there are so many at each place. */
const MAX_MORE_COUNT = 60
/** A directory is crashed in so often, then another is begun. */
const CRASHES_A_SITE = 8
/** Crashes at once. */
const LANE_COUNT = 2
const MS_A_CRASH = 5000

/** A call to be the last, and how far into the process it is. */
interface Aim extends Omit<CrashAim, 'when'> {
  readonly minWhen: number
  readonly maxWhen: number
}

const [whole, torn] = [{ isTorn: false }, { isTorn: true }]
const fills = { mostly: 'fill', minWhen: 1 } as const
/** Steps of the other kinds come after the first few. */
const updates = { mostly: 'update', minWhen: 6 } as const
const purges = { mostly: 'purge', minWhen: 6 } as const

/** Each with its share of the points. */
const AIMS: readonly (readonly [share: number, aim: Aim])[] = [
  [5, { place: 'data write', call: 'pwritev', ...fills, maxWhen: 25, ...whole }],
  [4, { place: 'data write', call: 'pwritev', ...fills, maxWhen: 12, ...torn }],
  [8, { place: 'head update', call: 'pwritev', ...updates, maxWhen: 25, ...whole }],
  [5, { place: 'head update', call: 'pwritev', ...updates, maxWhen: 14, ...torn }],
  [5, { place: 'purge write', call: 'pwritev', ...purges, maxWhen: 20, ...whole }],
  [4, { place: 'purge write', call: 'pwritev', ...purges, maxWhen: 14, ...torn }],
  [8, { place: 'purge sync', call: 'fdatasync', ...purges, minWhen: 1, maxWhen: 10, ...whole }],
  [6, { place: 'index post', call: 'pwrite64', ...fills, maxWhen: 300, ...whole }],
  [3, { place: 'index post', call: 'pwrite64', ...purges, maxWhen: 150, ...torn }],
  [3, { place: 'slab seal', call: 'openat', ...fills, maxWhen: 5, ...whole }],
  [3, { place: 'slab seal', call: 'pwrite64', ...fills, maxWhen: 5, ...whole }],
  [3, { place: 'slab seal', call: 'pwrite64', ...fills, maxWhen: 5, ...torn }],
  [8, { place: 'slab unlink', call: 'unlink', ...fills, maxWhen: 4, ...whole }],
]

/** What a process does that finds what another has left; soon enough that it is still at that. */
const RECOVERIES: readonly Aim[] = [
  { place: 'index post', call: 'pread64', ...fills, maxWhen: 12, ...whole },
  { place: 'slab open', call: 'preadv', ...fills, maxWhen: 1, ...whole },
]
const RECOVERIES_WITHOUT_INDEX: readonly Aim[] = [
  { place: 'index post', call: 'pwrite64', ...fills, maxWhen: 20, ...whole },
  { place: 'slab open', call: 'openat', ...fills, maxWhen: 4, ...whole },
  { place: 'slab open', call: 'preadv', ...fills, maxWhen: 6, ...whole },
]

interface Row {
  readonly place: string
  readonly calls: Set<string>
  pointCount: number
  tornCount: number
  withoutIndexCount: number
  twiceCount: number
  headCount: number
  segmentCount: number
}

describeWith(['strace'], 'a disk tier killed', () => {
  let root: string
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'sluice-crash-'))
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  it(
    'at a system call of any kind has everything absent or right, and nothing dropped back',
    async () => {
      const rows = new Map<string, Row>()
      const wrong: string[] = []
      const sites = createSites(root)
      let invalidationCount = 0
      await concurrently(chooseAims(rows), LANE_COUNT, async (aim, index) => {
        const random = createSeededRandom(SEED + index)
        const site = sites.take()
        const toldBefore = site.told.invalidationCount
        const row = await crash(site, aim, random, rows)
        const findings = await inspect(site)
        row.headCount += findings.headCount
        row.segmentCount += findings.segmentCount
        invalidationCount += site.told.invalidationCount - toldBefore
        wrong.push(...findings.wrong.map((text) => `${text} (seed ${SEED + index}, ${aim.place})`))
        await sites.give(site, findings.wrong.length > 0)
      })
      await sites.end()
      print(rows, invalidationCount, wrong)
      expect(wrong).toEqual([])
      // Else nothing was proved.
      expect(lackingAims(rows)).toEqual([])
      expect(invalidationCount).toBeGreaterThan(POINT_COUNT / 2)
    },
    POINT_COUNT * MS_A_CRASH,
  )

  it(
    'at any moment has everything absent or right, and nothing dropped back',
    async () => {
      const wrong: string[] = []
      const sites = createSites(root)
      const counts = { kills: 0, heads: 0, segments: 0, purges: 0 }
      const kills = Array.from({ length: RANDOM_COUNT }, (_, index) => index)
      await concurrently(kills, LANE_COUNT, async (index) => {
        const random = createSeededRandom(SEED - 1 - index)
        const site = sites.take()
        const toldBefore = site.told.invalidationCount
        await crashAfter(site, random.integer(0, 400), random)
        if (random.chance(0.3)) await diskFixtureAt(site.directory).loseIndex()
        const findings = await inspect(site)
        counts.kills++
        counts.heads += findings.headCount
        counts.segments += findings.segmentCount
        counts.purges += site.told.invalidationCount - toldBefore
        wrong.push(...findings.wrong.map((text) => `${text} (seed ${SEED - 1 - index})`))
        await sites.give(site, findings.wrong.length > 0)
      })
      await sites.end()
      console.log('killed at any moment', counts)
      expect(wrong).toEqual([])
      expect(counts.heads).toBeGreaterThan(RANDOM_COUNT)
      expect(counts.purges).toBeGreaterThan(RANDOM_COUNT / 5)
    },
    RANDOM_COUNT * MS_A_CRASH,
  )
})

/** As many as are asked for, each place with its share, mixed; then more for a place that has too few. */
function* chooseAims(rows: ReadonlyMap<string, Row>): Generator<Aim> {
  const random = createSeededRandom(SEED)
  const shares = AIMS.flatMap(([share, aim]) => Array.from({ length: share }, () => aim))
  const restCount = Math.max(0, POINT_COUNT - shares.length)
  const rest = Array.from({ length: restCount }, () => random.pick(shares))
  yield* [...shares, ...rest].toSorted(() => random.next() - 0.5)
  for (let count = 0; count < MAX_MORE_COUNT; count++) {
    const lacking = lackingAims(rows)
    if (lacking.length === 0) return
    yield random.pick(lacking)
  }
}

function lackingAims(rows: ReadonlyMap<string, Row>): readonly Aim[] {
  const aims = AIMS.map(([, aim]) => aim)
  return aims.filter(({ place }) => (rows.get(place)?.pointCount ?? 0) < LEAST_COUNT)
}

/** Kills it where it was aimed at or near by; sometimes once more while what is left is read. */
async function crash(
  site: CrashSite,
  aim: Aim,
  random: SeededRandom,
  rows: Map<string, Row>,
): Promise<Row> {
  const { place, isTorn } = await crashAt(site, within(aim, random), random)
  const row = rowOf(rows, place)
  row.pointCount++
  row.calls.add(aim.call)
  if (isTorn) row.tornCount++
  const isIndexLost = random.chance(0.25)
  if (isIndexLost) {
    await diskFixtureAt(site.directory).loseIndex()
    row.withoutIndexCount++
  }
  if (random.chance(0.4)) {
    const recoveries = isIndexLost ? RECOVERIES_WITHOUT_INDEX : RECOVERIES
    await crashAt(site, within(random.pick(recoveries), random), random)
    if (!site.told.isOpen) row.twiceCount++
  }
  return row
}

function within(aim: Aim, random: SeededRandom): CrashAim {
  return { ...aim, when: random.integer(aim.minWhen, aim.maxWhen) }
}

function rowOf(rows: Map<string, Row>, place: CrashPlace): Row {
  const row = rows.get(place) ?? {
    place,
    calls: new Set<string>(),
    pointCount: 0,
    tornCount: 0,
    withoutIndexCount: 0,
    twiceCount: 0,
    headCount: 0,
    segmentCount: 0,
  }
  rows.set(place, row)
  return row
}

interface Sites {
  take(): CrashSite
  give(site: CrashSite, isSpoiled: boolean): Promise<void>
  end(): Promise<void>
}

/** Directories that processes crash in one after the other. */
function createSites(root: string): Sites {
  const free: { readonly site: CrashSite; crashCount: number }[] = []
  const taken = new Map<CrashSite, number>()
  let madeCount = 0
  return {
    take() {
      const known = free.shift()
      const name = join(root, `${process.hrtime.bigint()}-${madeCount++}`)
      const paths = { directory: name, logPath: `${name}.log`, sayPath: `${name}.said` }
      const site = known?.site ?? { ...paths, told: nothingTold() }
      taken.set(site, (known?.crashCount ?? 0) + 1)
      return site
    },
    async give(site, isSpoiled) {
      const crashCount = taken.get(site) ?? 0
      if (isSpoiled || crashCount >= CRASHES_A_SITE) await rm(site.directory, { recursive: true })
      else free.push({ site, crashCount })
    },
    async end() {
      for (const { site } of free) await rm(site.directory, { recursive: true })
    },
  }
}

/** As it can be put into a document. */
function print(rows: Map<string, Row>, invalidationCount: number, wrong: readonly string[]): void {
  const lines = [...rows.values()]
    .toSorted((a, b) => a.place.localeCompare(b.place))
    .map((row) => {
      const calls = [...row.calls].join(', ')
      const counts = [row.pointCount, row.tornCount, row.withoutIndexCount, row.twiceCount]
      return `| ${[row.place, calls, ...counts, row.headCount, row.segmentCount].join(' | ')} |`
    })
  console.log(
    [
      '| Killed at | Call | Points | Half written | Index lost too | Killed again while reading it | Heads found, right | Segments found, right |',
      '|---|---|---:|---:|---:|---:|---:|---:|',
      ...lines,
      `Purges acknowledged: ${invalidationCount}. Undone, wrong or left over: ${wrong.length}.`,
    ].join('\n'),
  )
}
