// An S3 upstream over a real connection to the double.

import { lookup } from 'node:dns'

import { createUndiciUpstream } from '../../src/adapters/node/undici-upstream.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import { createS3Upstream } from '#web/s3-upstream.ts'
import type { S3UpstreamOptions } from '#web/s3-upstream.ts'

import { startS3Double } from './s3-double.ts'
import type { S3Double, S3Request } from './s3-double.ts'
import { createSteppedClock } from './stepped-clock.ts'
import type { SteppedClock } from './stepped-clock.ts'

export const ACCOUNT = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfi',
}
export const TEMPORARY = {
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: 'temporary',
  sessionToken: 'IQoJb3JpZ2luX2VjEJ//////////wEaCXVz+LWVhc3QtMSJHMEUCIQD==',
}
export const LAPSED = { accessKeyId: 'ASIALAPSED', secretAccessKey: 'late', isExpired: true }

export interface S3Fixture {
  /** Of the double, and of the upstream if it is given no other. */
  readonly clock: SteppedClock
  readonly double: S3Double
  /** The connection to the double. */
  readonly inner: Upstream
  /** Of the bucket `data`, which is there, unless told otherwise. */
  upstream(options?: Partial<S3UpstreamOptions>, inner?: Upstream): Upstream
  /** The last one that the double has seen. */
  lastRequest(): S3Request
  close(): Promise<void>
}

export async function startS3Fixture(): Promise<S3Fixture> {
  const clock = createSteppedClock()
  const double = await startS3Double({
    accounts: [ACCOUNT, TEMPORARY, LAPSED],
    nowMs: () => clock.nowMs(),
    basePath: '/s3',
  })
  double.createBucket('data')
  const transport = createUndiciUpstream({
    origin: new URL(double.url),
    clock,
    random: Math.random,
    lookup,
    connectTimeoutMs: 5000,
    keepAliveMs: 10_000,
    connectionLifeMs: 300_000,
    warmCount: 0,
    maxConnectionCount: 8,
    maxHeadBytes: 65_536,
    limits: { maxFieldCount: 100, maxInterimCount: 8 },
  })
  return {
    clock,
    double,
    inner: transport,
    upstream: (options = {}, inner = transport) =>
      createS3Upstream(inner, {
        bucket: 'data',
        prefix: '',
        endpoint: new URL(`${double.url}/s3`),
        region: 'us-east-1',
        credentials: () => ACCOUNT,
        missingKeyAs404: true,
        clock,
        ...options,
      }),
    lastRequest() {
      const request = double.requests.at(-1)
      if (request === undefined) throw new Error('Cannot tell: the double has seen no request')
      return request
    },
    async close() {
      await transport.close()
      await double.close()
    },
  }
}
