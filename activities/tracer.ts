import { ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { hostname } from 'node:os';
import type { EndedSpan, Tracer } from './spans.ts';
import { release } from '../runtime/layout.ts';

/**
 * OpenTelemetry's own SDK, which reads what its variables say (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS,
 * OTEL_SERVICE_NAME …) and sends spans as JSON over HTTP, several at a time. Loaded where an endpoint is named, and nowhere else.
 */
export function openTracer(): Tracer {
  // The SDK asks for ids while it makes a span. Ours are known before: workers that know nothing of each other tell of one trace.
  let next = { trace: '', id: '' };
  const ours = { 'service.name': 'nas', 'service.version': release(), 'host.name': hostname() };
  const provider = new BasicTracerProvider({
    idGenerator: { generateTraceId: () => next.trace, generateSpanId: () => next.id },
    resource: defaultResource()
      .merge(resourceFromAttributes(ours))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('nas', release());
  return {
    tell(told: EndedSpan): void {
      next = told;
      const above =
        told.parent === null
          ? ROOT_CONTEXT
          : trace.setSpanContext(ROOT_CONTEXT, {
              traceId: told.trace,
              spanId: told.parent,
              traceFlags: TraceFlags.SAMPLED,
              isRemote: true,
            });
      const span = tracer.startSpan(told.name, { startTime: told.began, attributes: told.attributes }, above);
      if (told.error !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: told.error });
      span.end(told.ended);
    },
    close: async () => await provider.shutdown(),
  };
}
