// Takes spans as OTLP over HTTP with JSON, as a collector does, and keeps them.

import { once } from 'node:events'
import { createServer } from 'node:http'

export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: Readonly<Record<string, unknown>>
}

export interface OtlpCollector {
  readonly url: string
  readonly spans: readonly CollectedSpan[]
  /** `service.name` of all that came. */
  readonly services: ReadonlySet<string>
  close(): void
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<CollectedSpan, 'attributes'> & {
        readonly attributes: readonly Attribute[]
      })[]
    }[]
  }[]
}

export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = []
  const services = new Set<string>()

  function take(text: string): void {
    const { resourceSpans } = JSON.parse(text) as Exported
    for (const { resource, scopeSpans } of resourceSpans) {
      services.add(String(valuesOf(resource.attributes)['service.name']))
      for (const scope of scopeSpans) {
        for (const span of scope.spans) {
          spans.push({ ...span, attributes: valuesOf(span.attributes) })
        }
      }
    }
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () => {
      if (request.url === '/v1/traces') take(Buffer.concat(chunks).toString())
      response.setHeader('Content-Type', 'application/json')
      response.end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    services,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function valuesOf(attributes: readonly Attribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
