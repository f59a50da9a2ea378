/** Bounds of the fills of a site. */
export interface FillSettings {
  /** How far an origin transfer may be ahead of its fastest reader, in bytes. */
  readonly windowBytes: number
  /** With no reader left, the object is finished if at most this much of it remains. */
  readonly finishMaxBytes: number
  /** How long a reader may stand still that a transfer has to wait for. */
  readonly stallMs: number
  /** Attempts to resume a broken transfer without a segment of progress. */
  readonly maxResumeCount: number
  /** Upper bound of the jittered wait before the first resume; doubles with each. */
  readonly resumeDelayMs: number
}
