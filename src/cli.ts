#!/usr/bin/env -S node --external-memory-accounted-in-global-limit
// The command `sluice`.

import { enableCompileCache } from 'node:module'

// Before anything else is loaded: a start with the cache takes half the time and 30 MiB less.
enableCompileCache()
await import('./cli-program.ts')
