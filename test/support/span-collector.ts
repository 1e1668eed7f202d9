import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { expect } from 'vitest';
import { z } from 'zod';
import { portOf } from './listening.ts';

const Value = z.union([
  z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z.object({ intValue: z.number() }).transform(({ intValue }) => intValue),
]);
const Span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  startTimeUnixNano: z.string().transform(Number),
  endTimeUnixNano: z.string().transform(Number),
  attributes: z
    .array(z.object({ key: z.string(), value: Value }))
    .transform((all) => Object.fromEntries(all.map(({ key, value }) => [key, value]))),
  status: z.object({ code: z.number(), message: z.string().optional() }),
});
export type Span = z.infer<typeof Span>;
const Export = z.object({
  resourceSpans: z.array(z.object({ scopeSpans: z.array(z.object({ spans: z.array(Span) })) })),
});

/** What a collector of OpenTelemetry is sent until the test ends, as OTLP says it: JSON to `/v1/traces`. */
export async function collector(): Promise<{ endpoint: string; spans: Span[] }> {
  const spans: Span[] = [];
  const server = createServer((asked, answer) => {
    void json(asked).then((body) => {
      expect(asked).toMatchObject({ method: 'POST', url: '/v1/traces' });
      const { resourceSpans } = Export.parse(body);
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((one) => one.spans)));
      answer.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  return { endpoint: `http://127.0.0.1:${await portOf(server)}`, spans };
}
