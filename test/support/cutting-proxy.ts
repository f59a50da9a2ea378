// Stands before an origin and cuts single connections in the middle of a response.

import { startFaultProxy } from './fault-proxy.ts'

type End = 'fin' | 'rst'

/** One connection that was cut. */
interface Cut {
  readonly end: End
  /** What had passed of the response. */
  readonly passedBytes: number
  /** What its head had announced. */
  readonly contentLength: number
}

export interface CuttingProxy {
  readonly url: string
  /**
   * The next responses of which more than `afterBytes` come are cut, each in its way; a list that is not
   * used up is replaced, and `made` begins anew.
   */
  arm(ends: readonly End[], afterBytes: number): void
  /** In the order in which it was done. */
  readonly made: readonly Cut[]
  close(): Promise<void>
}

interface Response {
  passedBytes: number
  contentLength: number
}

export async function startCuttingProxy(targetPort: number): Promise<CuttingProxy> {
  const made: Cut[] = []
  const armed = { ends: [] as End[], afterBytes: 0 }
  const responses = new Map<number, Response>()
  const proxy = await startFaultProxy({
    targetPort,
    endsBefore(direction, bytes, connectionId) {
      // Requests are not pipelined: with each a response begins.
      if (direction === 'request') {
        responses.delete(connectionId)
        return undefined
      }
      const response = responses.get(connectionId) ?? beginResponse(bytes)
      responses.set(connectionId, response)
      const leftBytes = response.contentLength - response.passedBytes
      if (response.passedBytes < armed.afterBytes || leftBytes <= bytes.length) {
        response.passedBytes += bytes.length
        return undefined
      }
      const end = armed.ends.shift()
      if (end !== undefined) made.push({ end, ...response })
      response.passedBytes += bytes.length
      return end
    },
  })
  return {
    url: proxy.url,
    made,
    arm(ends, afterBytes) {
      armed.ends = [...ends]
      armed.afterBytes = afterBytes
      made.length = 0
    },
    close: () => proxy.close(),
  }
}

/** An origin writes the whole head at once. */
function beginResponse(bytes: Buffer): Response {
  const [, length] = /^content-length: *(\d+)\r$/im.exec(bytes.toString('latin1', 0, 4096)) ?? []
  return { passedBytes: 0, contentLength: Number(length ?? 0) }
}
