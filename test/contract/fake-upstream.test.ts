import { createFakeUpstream } from '../support/fake-upstream.ts'
import type { FakeUpstreamOptions } from '../support/fake-upstream.ts'
import { createSteppedClock } from '../support/stepped-clock.ts'
import type { UpstreamHarness } from './upstream-contract.ts'
import { describeUpstream } from './upstream-contract.ts'

function create(options: Partial<FakeUpstreamOptions>): Promise<UpstreamHarness> {
  const upstream = createFakeUpstream({
    clock: createSteppedClock(),
    chunkBytes: 65_536,
    ...options,
  })
  return Promise.resolve({
    upstream,
    put: (path, object) => upstream.put(path, object),
    inject: (fault, path) => upstream.inject(fault, path),
    sentBytes: () => upstream.deliveredBytes,
    abortedCount: () => upstream.requests.filter(({ cancelled }) => cancelled).length,
    close: () => Promise.resolve(),
  })
}

describeUpstream('createFakeUpstream', () => create({}), { maxUnreadBytes: 0, takesRaw: false })

describeUpstream('createFakeUpstream, answering at once', () => create({ reads: 'sync' }), {
  maxUnreadBytes: 0,
  takesRaw: false,
})
