import { createS3Upstream } from '#web/s3-upstream.ts'
import { createSystemClock } from '#web/system-clock.ts'

import { ACCOUNT } from '../support/s3-fixture.ts'
import { connectTo } from '../support/socket-upstream.ts'
import type { ClosableUpstream, UpstreamHarness } from './upstream-contract.ts'
import { describeUpstream, overTestOrigin } from './upstream-contract.ts'

const clock = createSystemClock()

function connect(origin: URL): ClosableUpstream {
  const transport = connectTo(origin, clock)
  const upstream = createS3Upstream(transport, {
    bucket: 'data',
    prefix: 'sub/',
    endpoint: origin,
    region: 'us-east-1',
    credentials: () => ACCOUNT,
    missingKeyAs404: true,
    clock,
  })
  return { fetch: upstream.fetch, close: transport.close }
}

function under(path: string): string {
  return `/data/sub${path}`
}

/** Objects keep the names that the contract gives them, wherever in the bucket they lie. */
async function create(): Promise<UpstreamHarness> {
  const harness = await overTestOrigin(connect)
  return {
    ...harness,
    put: (path, object) => harness.put(under(path), { object: path, ...object }),
    inject: (fault, path) =>
      harness.inject?.(fault, path === undefined ? undefined : under(path)) ?? (() => undefined),
    putRaw: (path, answer) => harness.putRaw?.(under(path), answer),
  }
}

// Statuses and fields of errors are told in our own words.
describeUpstream('createS3Upstream over createUndiciUpstream', create, { takesFields: false })
