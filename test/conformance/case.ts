// What a case of the conformance suite is: requests, what the origin answers if it is asked, and what must
// come of it. Cases know nothing of the world that they are run in.

/** An instant counted in seconds from the beginning of the case, written as an HTTP date. */
export interface DateValue {
  readonly secondsFromStart: number
  readonly form: 'imf' | 'rfc850' | 'asctime'
}

/** Text as it goes on the wire, but for `{path}`: the case's own path, so that cases do not meet. */
export type Value = string | DateValue

/** Field lines in order; names in the case and values in the bytes that go on the wire. */
export type Lines = readonly (readonly [name: string, value: Value])[]

export function date(secondsFromStart: number, form: DateValue['form'] = 'imf'): DateValue {
  return { secondsFromStart, form }
}

/** How the origin answers one request. */
export interface OriginAnswer {
  /** Default 200. */
  readonly status?: number
  /** Besides these a Date of now, unless there is one here or `hasDate` is false, and the framing. */
  readonly fields?: Lines
  readonly hasDate?: false
  /** Default `answer <n>`, where `n` counts the requests that the origin has got in this case. */
  readonly body?: string
  /** Default `length`. */
  readonly framing?: 'length' | 'chunked' | 'close'
  /** Breaks the connection after this many bytes of the body. */
  readonly cutAfterBytes?: number
  /** Closes the connection without any answer. */
  readonly isSilent?: true
  /** Interim responses before the final one. */
  readonly interim?: readonly { readonly status: number; readonly fields: Lines }[]
  /** After a chunked body. */
  readonly trailers?: Lines
  /** Time until the answer comes. Over sockets at most 2. */
  readonly delaySeconds?: number
  /** Holds the answer until this many requests are there. */
  readonly gather?: number
  /** Holds the answer until all requests of the step are under way. */
  readonly isSlow?: true
}

/** A number in a field, both ends included. */
export interface Between {
  readonly atLeast: number
  readonly atMost: number
}

/** There or not, it does not say this. */
export interface Without {
  readonly not: RegExp
}

/** True: there, whatever it says; false: not there; a list: exactly these lines. */
export type FieldExpectation = boolean | Value | RegExp | Between | Without | readonly Value[]

export type FieldExpectations = Readonly<Record<string, FieldExpectation>>

export interface Expectation {
  /** Default 200. */
  readonly status?: number
  /**
   * `new`: what the origin answered in this step; a number: its n-th answer in this case; `none`: no content;
   * `cut`: it breaks off visibly; else just this text.
   */
  readonly body?: 'new' | 'none' | 'cut' | number | { readonly text: string }
  /** How many requests the origin got in this step; `later`: one, for which the answer did not wait. */
  readonly asked?: boolean | number | Between | 'later'
  /** Of the requests that the origin got. */
  readonly sent?: FieldExpectations
  /** Method of the requests that the origin got. */
  readonly sentMethod?: string
  /** Of the answer. */
  readonly fields?: FieldExpectations
  /** Fits our own member of Cache-Status, without the name. */
  readonly cache?: RegExp
  /** Statuses of the interim responses that came; a field expected on the first. */
  readonly interim?: readonly number[]
  readonly interimFields?: FieldExpectations
}

export interface Step {
  /** Default GET. */
  readonly method?: string
  /** What follows the case's own path; default nothing. */
  readonly target?: string
  readonly fields?: Lines
  /** Time that passes before. Over sockets at most 2. */
  readonly afterSeconds?: number
  /** So many equal requests at the same time; each must get what is expected. */
  readonly parallel?: number
  readonly origin?: OriginAnswer
  readonly expect: Expectation
}

export type Policy = 'careful' | 'rfc'

export type World = 'fakes' | 'sockets'

/** Settings of a site as a config file has them. */
export type SiteSettings = Readonly<Record<string, unknown>>

export interface Case {
  /** Unique, in kebab-case. */
  readonly id: string
  /** `RFC 9111 §5.2.2.5`. */
  readonly clause: string
  /** What is promised, as a sentence. */
  readonly promise: string
  /** Default both. */
  readonly policy?: Policy
  readonly site?: SiteSettings
  /** Where it cannot be shown in both worlds: where it can, and why not in the other. */
  readonly only?: { readonly world: World; readonly because: string }
  /** A defect that is known: the case must fail for now. */
  readonly known?: string
  readonly steps: readonly Step[]
}
