// Where a bucket is and how it is asked, from the settings; for both roots.

import type { S3UpstreamOptions } from '#web/s3-upstream.ts'
import type { Origin } from './config-origins.ts'
import type { Config } from './config.ts'

type Bucket = Pick<
  S3UpstreamOptions,
  'bucket' | 'prefix' | 'endpoint' | 'region' | 'missingKeyAs404'
>

/** Of AWS, in a region. */
export function endpointOf(region: string): URL {
  return new URL(`https://s3.${region}.amazonaws.com`)
}

/** @param defaultRegion Where neither the settings nor the environment name one. */
export function bucketOf(
  config: Config,
  { bucket, prefix }: Extract<Origin, { kind: 's3' }>,
  defaultRegion = 'us-east-1',
): Bucket {
  const region = config.s3Region ?? defaultRegion
  return {
    bucket,
    prefix: prefix === '' ? '' : `${prefix.replace(/\/$/, '')}/`,
    endpoint: config.s3Endpoint === undefined ? endpointOf(region) : new URL(config.s3Endpoint),
    region,
    missingKeyAs404: true,
  }
}
