/** Bounds of the fills of a site. */
export interface FillSettings {
  /** How far an origin transfer may be ahead of its fastest reader, in bytes. */
  readonly windowBytes: number
  /** Stored bytes between missing ones that are rather fetched again than left to a second request. */
  readonly gapBytes: number
  /** What the segments that cover several ranges may have beyond them; further ranges are fetched as they are. */
  readonly maxExcessBytes: number
  /** How far ahead of what is coming a range may begin, of an origin without ranges, to be waited for. */
  readonly maxWaitBytes: number
  /** How long a byte that is coming may take to come, before it is rather fetched by a transfer of its own. */
  readonly maxWaitMs: number
  /** For how long an origin that has ignored a range of an object is believed to do so. */
  readonly rangesIgnoredMs: number
  /** For how long nothing of a key is stored whose bytes did not have the digest that their origin told. */
  readonly mismatchMs: number
  /** With no reader left, the object is finished if at most this much of it remains. */
  readonly finishMaxBytes: number
  /** How long a reader may stand still that a transfer has to wait for. */
  readonly stallMs: number
  /** Attempts to resume a broken transfer without a segment of progress. */
  readonly maxResumeCount: number
  /** Upper bound of the jittered wait before the first resume; doubles with each. */
  readonly resumeDelayMs: number
  readonly spread: SpreadSettings
  /** How far ahead of a client that asks for one range after the other is fetched; 0: not at all. */
  readonly readAheadBytes: number
}

/** When and how one body is fetched by several transfers at once. */
export interface SpreadSettings {
  /** Transfers of one body at once; 1: never more. */
  readonly maxCount: number
  /** What each of them brings. */
  readonly chunkBytes: number
  /** A transfer that shows less is joined by others. */
  readonly slowBytesPerSecond: number
  /** With less than this to come it is left alone. */
  readonly minBytes: number
}
