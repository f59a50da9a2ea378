import { connectTo } from '../support/socket-upstream.ts'
import { describeUpstream, overTestOrigin } from './upstream-contract.ts'

describeUpstream('createUndiciUpstream', () => overTestOrigin((origin) => connectTo(origin)))
