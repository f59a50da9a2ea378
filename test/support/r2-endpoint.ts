// Wrangler's local R2 as an S3 server: SigV4 enforced, on a loopback port, gone with its storage at the end.

import { fileURLToPath } from 'node:url'

import { createTestHarness } from 'wrangler'

export interface R2Endpoint {
  /** Scheme, host, port and the path that buckets lie under; without a slash at the end. */
  readonly endpoint: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** @param key Not percent-encoded; dot segments cannot be put this way. */
  put(key: string, bytes: Uint8Array, contentType?: string): Promise<void>
  close(): Promise<void>
}

/** As in `test/e2e/r2/wrangler.toml`. */
const BUCKET = 'sluice-test'
const ACCESS_KEY_ID = 'sluice-test-key'
const SECRET_ACCESS_KEY = 'sluice-test-secret'
const ROOT = fileURLToPath(new URL('../e2e/r2', import.meta.url))

/** Takes about a second. The region is `auto`, and any other is taken as well. */
export async function startR2(): Promise<R2Endpoint> {
  stayOffline()
  const harness = createTestHarness({ root: ROOT, workers: [{ configPath: './wrangler.toml' }] })
  const { url } = await harness.listen()
  return {
    endpoint: `${url.origin}/cdn-cgi/local/r2/s3`,
    bucket: BUCKET,
    accessKeyId: ACCESS_KEY_ID,
    secretAccessKey: SECRET_ACCESS_KEY,
    async put(key, bytes, contentType = 'application/octet-stream') {
      const path = key.split('/').map(encodeURIComponent).join('/')
      const response = await harness.fetch(`${url.origin}/${path}`, {
        method: 'PUT',
        body: bytes,
        headers: { 'content-type': contentType },
      })
      if (response.status !== 204) {
        throw new Error(`Cannot put "${key}": local R2 answered ${response.status}`)
      }
    },
    close: () => harness.close(),
  }
}

/** Wrangler looks for `cf` data and reports usage, unless it is told not to. */
export function stayOffline(): void {
  process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'
  process.env['WRANGLER_SEND_METRICS'] = 'false'
}
