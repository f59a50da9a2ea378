// The OpenTelemetry SDK on Node: metrics as Prometheus text, spans over OTLP where an endpoint is set.

import type { Meter, Tracer } from '@opentelemetry/api'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { Resource } from '@opentelemetry/resources'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import type { TracerProvider } from '@opentelemetry/sdk-trace'

export interface OtelSdk {
  readonly meter: Meter
  /** `undefined` without an endpoint: then no span is ever made. */
  readonly tracer: Tracer | undefined
  /** All metrics in the Prometheus text format. */
  metrics(): Promise<string>
  shutdown(): Promise<void>
}

/** A collector that is not there must not keep a process that wants to end. */
const SHUTDOWN_MS = 2000

/** Collects when it is asked, and only then. */
class PullReader extends MetricReader {
  protected override onShutdown(): Promise<void> {
    return Promise.resolve()
  }

  protected override onForceFlush(): Promise<void> {
    return Promise.resolve()
  }
}

/**
 * @param serviceName `service.name` of the resource.
 * @param otlpEndpoint Base URL of a collector (`http://host:4318`); spans go to `/v1/traces` below it.
 */
export async function createOtelSdk(
  serviceName: string,
  otlpEndpoint: URL | undefined,
): Promise<OtelSdk> {
  const resource = resourceFromAttributes({ 'service.name': serviceName })
  const reader = new PullReader()
  const meters = new MeterProvider({ resource, readers: [reader] })
  const serializer = new PrometheusSerializer('', false, undefined, true, true)
  const tracers =
    otlpEndpoint === undefined ? undefined : await createTracers(resource, otlpEndpoint)
  return {
    meter: meters.getMeter('sluice'),
    tracer: tracers?.getTracer('sluice'),
    async metrics() {
      const { resourceMetrics } = await reader.collect()
      return serializer.serialize(resourceMetrics)
    },
    async shutdown() {
      const ended = Promise.allSettled([meters.shutdown(), tracers?.shutdown()])
      const outOfTime = new Promise((resolve) => setTimeout(resolve, SHUTDOWN_MS).unref())
      await Promise.race([ended, outOfTime])
    },
  }
}

/** Loaded only where spans go somewhere: the exporter is several MiB of code. */
async function createTracers(resource: Resource, endpoint: URL): Promise<TracerProvider> {
  const [{ BatchSpanProcessor, TracerProvider }, { OTLPTraceExporter }] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ])
  const url = `${endpoint.href.replace(/\/$/, '')}/v1/traces`
  const exporter = new OTLPTraceExporter({ url })
  return new TracerProvider({ resource, spanProcessors: [new BatchSpanProcessor({ exporter })] })
}
