// Runs a case in a world, and says in words what came otherwise than promised.

import type {
  Between,
  Case,
  Expectation,
  FieldExpectations,
  OriginAnswer,
  Step,
  Value,
} from './case.ts'
import { all, combined, fieldProblem } from './field-problem.ts'

/** A request as it reached the origin; names in lower case. */
export interface OriginRequest {
  readonly method: string
  readonly lines: readonly string[]
}

/** An answer of the origin with every value as it goes on the wire. */
export interface ScriptedAnswer {
  readonly status: number
  readonly lines: readonly string[]
  readonly body: string
  readonly framing: 'length' | 'chunked' | 'close'
  readonly cutAfterBytes: number | undefined
  readonly isSilent: boolean
  readonly interim: readonly { readonly status: number; readonly lines: readonly string[] }[]
  readonly trailers: readonly string[]
}

/** What a client got; names in lower case. */
export interface Got {
  readonly status: number
  readonly lines: readonly string[]
  readonly body: string
  /** It came to its end. */
  readonly isComplete: boolean
  readonly interim: readonly { readonly status: number; readonly lines: readonly string[] }[]
}

export interface Request {
  readonly method: string
  readonly target: string
  readonly lines: readonly string[]
}

/** One case's part of a world: nobody else uses its path. */
export interface Stage {
  readonly path: string
  /** Wall clock, milliseconds since the epoch. */
  nowMs(): number
  /** By how much more than it should a number of seconds may be: the real clock waits for nobody. */
  readonly slackSeconds: number
  wait(seconds: number): Promise<void>
  request(request: Request): Promise<Got>
  /**
   * Resolves once work that outlives answers is done, as far as the world can tell.
   *
   * @param asked Resolves when a request that is to come has reached the origin.
   */
  settled(asked: Promise<void> | undefined): Promise<void>
  /** Lets everything that is under way get on. */
  turn(): Promise<void>
}

/** Answers what reaches the origin on the case's path. */
export type Script = (request: OriginRequest) => Promise<ScriptedAnswer>

/** Opens a stage; its origin follows the script. */
export type OpenStage = (script: Script) => Promise<Stage> | Stage

/** @returns One sentence for each promise that was broken; none when all held. */
export async function runCase(test: Case, open: OpenStage): Promise<readonly string[]> {
  const run = new CaseRun()
  const stage = await open((request) => run.answer(request))
  run.begin(stage)
  const problems: string[] = []
  for (const [i, step] of test.steps.entries()) {
    const found = await run.step(step)
    problems.push(...found.map((problem) => `step ${i + 1}: ${problem}`))
    // What follows a broken promise proves nothing.
    if (found.length > 0) break
  }
  return problems
}

/** The answer to a request that nobody expected. */
const UNEXPECTED: OriginAnswer = { fields: [['Cache-Control', 'no-store']] }

class CaseRun {
  #stage: Stage | undefined
  #startMs = 0
  #step: Step | undefined
  readonly #bodies: string[] = []
  #asked: OriginRequest[] = []
  #reached = Promise.withResolvers<void>()
  #gathered = Promise.withResolvers<void>()
  #underWay = Promise.withResolvers<void>()

  begin(stage: Stage): void {
    this.#stage = stage
    this.#startMs = Math.floor(stage.nowMs() / 1000) * 1000
  }

  async step(step: Step): Promise<readonly string[]> {
    const stage = this.#stageNow()
    if (step.afterSeconds !== undefined) await stage.wait(step.afterSeconds)
    this.#step = step
    this.#asked = []
    this.#reached = Promise.withResolvers()
    this.#gathered = Promise.withResolvers()
    this.#underWay = Promise.withResolvers()
    const bodiesBefore = this.#bodies.length
    const requests = Array.from({ length: step.parallel ?? 1 }, () =>
      stage.request({
        method: step.method ?? 'GET',
        target: stage.path + (step.target ?? ''),
        lines: this.#linesOf(step.fields ?? []),
      }),
    )
    const underWay = this.#underWay
    void stage.turn().then(underWay.resolve)
    const gots = await Promise.all(requests)
    await stage.settled(step.expect.asked === 'later' ? this.#reached.promise : undefined)
    const bodyCount = this.#bodies.length - bodiesBefore
    const problems = this.#checkAsked(step.expect, bodyCount)
    for (const got of gots) problems.push(...this.#check(step.expect, got))
    return [...new Set(problems)]
  }

  async answer(request: OriginRequest): Promise<ScriptedAnswer> {
    this.#asked.push(request)
    this.#reached.resolve()
    const origin = this.#step?.origin ?? UNEXPECTED
    const body = origin.body ?? `answer ${this.#bodies.length + 1}`
    this.#bodies.push(body)
    if (origin.delaySeconds !== undefined) await this.#stageNow().wait(origin.delaySeconds)
    if (origin.isSlow === true) await this.#underWay.promise
    if (origin.gather !== undefined) {
      if (this.#asked.length >= origin.gather) this.#gathered.resolve()
      await this.#gathered.promise
    }
    return {
      status: origin.status ?? 200,
      lines: this.#answerLines(origin),
      body,
      framing: origin.framing ?? 'length',
      cutAfterBytes: origin.cutAfterBytes,
      isSilent: origin.isSilent === true,
      interim: (origin.interim ?? []).map(({ status, fields }) => ({
        status,
        lines: this.#linesOf(fields),
      })),
      trailers: this.#linesOf(origin.trailers ?? []),
    }
  }

  #stageNow(): Stage {
    if (this.#stage === undefined) throw new Error('Cannot run case: it has no stage')
    return this.#stage
  }

  #answerLines(origin: OriginAnswer): readonly string[] {
    const lines = this.#linesOf(origin.fields ?? [])
    const names = (origin.fields ?? []).map(([name]) => name.toLowerCase())
    if (origin.hasDate === false || names.includes('date')) return lines
    return ['Date', new Date(this.#stageNow().nowMs()).toUTCString(), ...lines]
  }

  #linesOf(lines: readonly (readonly [string, Value])[]): readonly string[] {
    return lines.flatMap(([name, value]) => [name, this.#textOf(value)])
  }

  #textOf(value: Value): string {
    if (typeof value === 'string') return value.replaceAll('{path}', this.#stageNow().path)
    return formatDate(this.#startMs + value.secondsFromStart * 1000, value.form)
  }

  #checkAsked(expect: Expectation, count: number): string[] {
    const problems: string[] = []
    const { asked } = expect
    if (asked !== undefined) {
      const { atLeast, atMost } = timesOf(asked)
      if (count < atLeast || count > atMost) {
        const wanted = atLeast === atMost ? String(atLeast) : `${atLeast} to ${atMost}`
        problems.push(`the origin was asked ${count} times, expected ${wanted}`)
      }
    }
    for (const request of this.#asked) {
      const { sentMethod = request.method, sent = {} } = expect
      if (request.method !== sentMethod) {
        problems.push(`the origin got ${request.method}, expected ${sentMethod}`)
      }
      problems.push(...this.#checkFields('request to the origin', sent, request.lines))
    }
    return problems
  }

  #check(expect: Expectation, got: Got): string[] {
    const problems: string[] = []
    const { status = 200, body, cache, interim, fields = {}, interimFields = {} } = expect
    if (got.status !== status) problems.push(`status is ${got.status}, expected ${status}`)
    const wrongBody = this.#bodyProblem(body, got)
    if (wrongBody !== undefined) problems.push(wrongBody)
    problems.push(...this.#checkFields('answer', fields, got.lines))
    const member = ownMember(combined(got.lines, 'cache-status') ?? '')
    if (cache !== undefined && !cache.test(member)) {
      problems.push(`Cache-Status says "${member}", expected ${String(cache)}`)
    }
    const statuses = got.interim.map((head) => head.status)
    if (interim !== undefined && statuses.join() !== interim.join()) {
      problems.push(`interim responses are [${statuses.join()}], expected [${interim.join()}]`)
    }
    const firstInterim = got.interim[0]?.lines ?? []
    problems.push(...this.#checkFields('interim response', interimFields, firstInterim))
    return problems
  }

  #bodyProblem(expected: Expectation['body'], got: Got): string | undefined {
    if (expected === undefined) return undefined
    if (expected === 'cut') return got.isComplete ? 'the body ends as if whole' : undefined
    if (!got.isComplete) return 'the body breaks off'
    const text = this.#expectedText(expected)
    if (got.body === text) return undefined
    return `body is ${JSON.stringify(got.body)}, expected ${JSON.stringify(text)}`
  }

  #expectedText(expected: Exclude<Expectation['body'], undefined | 'cut'>): string | undefined {
    if (expected === 'none') return ''
    if (expected === 'new') return this.#bodies.at(-1)
    return typeof expected === 'number' ? this.#bodies[expected - 1] : expected.text
  }

  #checkFields(
    where: string,
    expectations: FieldExpectations,
    lines: readonly string[],
  ): readonly string[] {
    const { slackSeconds } = this.#stageNow()
    return Object.entries(expectations).flatMap(([name, expected]) => {
      const textOf = (value: Value) => this.#textOf(value)
      const problem = fieldProblem(expected, all(lines, name), { textOf, slackSeconds })
      return problem === undefined ? [] : [`${where}: ${name} ${problem}`]
    })
  }
}

function timesOf(asked: Exclude<Expectation['asked'], undefined>): Between {
  if (typeof asked === 'object') return asked
  const times = asked === 'later' ? 1 : Number(asked)
  return { atLeast: times, atMost: times }
}

/** The last member is ours: the nearest to the user (RFC 9211 §2). */
function ownMember(cacheStatus: string): string {
  return cacheStatus.replace(/^.*\bsluice(?:; )?/, '')
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** The three forms of RFC 9110 §5.6.7. */
function formatDate(atMs: number, form: 'imf' | 'rfc850' | 'asctime'): string {
  const imf = new Date(atMs).toUTCString()
  const [, day = '', month = '', year = '', time = ''] = imf.split(' ')
  const weekday = DAYS[new Date(atMs).getUTCDay()] ?? ''
  switch (form) {
    case 'imf':
      return imf
    case 'rfc850':
      return `${weekday}, ${day}-${month}-${year.slice(2)} ${time} GMT`
    case 'asctime':
      return `${weekday.slice(0, 3)} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`
  }
}
