// A Worker in workerd, on a loopback port.

import { unstable_startWorker as startWorker } from 'wrangler'

import { stayOffline } from './r2-endpoint.ts'

export interface Workerd {
  /** Without a slash at the end. */
  readonly url: string
  /** What the runtime and the Worker have called an error so far. */
  readonly errors: readonly string[]
  close(): Promise<void>
}

/**
 * By the call that `wrangler dev` makes, and not by `createTestHarness`: there the Worker's own `fetch` goes through
 * the `fetch` of Node, which follows redirects, decodes bodies, and answers 500 for what cannot be reached.
 *
 * @param configPath A wrangler.toml.
 * @param vars In place of those in the file.
 */
export async function startWorkerd(
  configPath: string,
  vars: Readonly<Record<string, string>> = {},
): Promise<Workerd> {
  stayOffline()
  const errors: string[] = []
  const worker = await startWorker({
    config: configPath,
    bindings: Object.fromEntries(
      Object.entries(vars).map(([name, value]) => [name, { type: 'plain_text', value }] as const),
    ),
    dev: {
      server: { hostname: '127.0.0.1', port: 0 },
      logLevel: 'none',
      watch: false,
      persist: false,
      inspector: false,
      structuredLogsHandler: ({ level, message }: { level: string; message: string }) => {
        if (level === 'error') errors.push(message)
      },
    },
  })
  await worker.ready
  const url = await worker.url
  return { url: url.origin, errors, close: () => worker.dispose() }
}
