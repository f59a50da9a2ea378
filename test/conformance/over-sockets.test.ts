import { POLICIES } from './all-cases.ts'
import { describeSockets } from './describe-sockets.ts'

for (const policy of POLICIES) describeSockets('sockets', policy, [])
