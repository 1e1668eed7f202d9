import { expect, onTestFinished, test, vi } from 'vitest';
import { AttemptSpan, startTracing, tellEndedWork } from '../../activities/spans.ts';
import type { StageInput } from '../../plan/results.ts';
import { collector } from '../support/span-collector.ts';
import type { Span } from '../support/span-collector.ts';

/** Tells of spans as `tell` does, and gives what a collector of OpenTelemetry got. */
async function told(tell: () => void, environment: Record<string, string> = {}): Promise<Span[]> {
  const { endpoint, spans } = await collector();
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', endpoint);
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const end = await startTracing();
  tell();
  await end();
  // After its end nobody is told.
  tell();
  return spans;
}

const firstRun = '01a21c74-e6df-79bb-983e-18755df65061';
const [began, ended] = [Date.parse('2026-01-01T00:00:00Z'), Date.parse('2026-01-01T00:00:02Z')];
const work = { stage: 'a', began, ended, ending: 'done', attempts: 2, error: null } as const;
const input: StageInput = { stage: 'a', uses: 'train-supernet', directory: 'run/a', round: 1, with: {}, firstRun };

test('a run and its stages are spans of one trace, whichever worker tells of them', async () => {
  const [stage, run] = await told(() => {
    tellEndedWork('run', firstRun, work);
    tellEndedWork('run', firstRun, { ...work, stage: null, ending: 'failed', attempts: 0, error: 'given up: a' });
  });
  expect(run).toMatchObject({
    name: 'run run',
    traceId: firstRun.replaceAll('-', ''),
    startTimeUnixNano: 1e6 * began,
    endTimeUnixNano: 1e6 * ended,
    status: { code: 2, message: 'given up: a' },
  });
  expect(run).not.toHaveProperty('parentSpanId');
  expect(run?.attributes).toEqual({ 'nas.run': 'run', 'nas.ending': 'failed' });
  expect(stage).toMatchObject({
    name: 'stage a',
    traceId: run!.traceId,
    parentSpanId: run!.spanId,
    status: { code: 0 },
  });
  expect(stage?.attributes).toEqual({
    'nas.run': 'run',
    'nas.ending': 'done',
    'nas.stage': 'a',
    'nas.attempts': 2,
  });
  const [again, ofAnother] = await told(() => {
    tellEndedWork('run', firstRun, work);
    tellEndedWork('run', firstRun.replace('01', '02'), work);
  });
  expect(again?.spanId).toBe(stage!.spanId);
  expect(ofAnother?.spanId).not.toBe(stage!.spanId);
});

test('an attempt is a span of its stage, and each save one of the attempt', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: began });
  onTestFinished(() => void vi.useRealTimers());
  const progress = { version: 1, type: 'progress', phase: 'training', epoch: 1, epochs: 6, step: 10, steps: 156 };
  const spans = await told(() => {
    vi.setSystemTime(began);
    const attempt = new AttemptSpan(input, 3, 'gpu:0');
    const at = (ms: number, change: object): void => {
      vi.setSystemTime(began + ms);
      attempt.take({ ...progress, ...change });
    };
    at(1000, {});
    at(2000, { phase: 'saving' });
    at(3000, { phase: 'saving', bytesLeft: 5 });
    at(4000, { phase: 'nothing that there is' });
    at(5000, { step: 11 });
    at(6000, { step: 12 });
    at(7000, { phase: 'saving', epoch: 2, step: 12 });
    vi.setSystemTime(began + 8000);
    attempt.end('Crashed', 'no room');
  });
  const [first, second, attempt] = spans;
  expect(spans).toHaveLength(3);
  const times = spans.map((span) => [span.startTimeUnixNano / 1e6 - began, span.endTimeUnixNano / 1e6 - began]);
  expect(times).toEqual([
    [2000, 5000],
    [7000, 8000],
    [0, 8000],
  ]);
  const all = { 'nas.run': 'run', 'nas.stage': 'a', 'nas.kind': 'train-supernet' };
  for (const [save, epoch, step] of [
    [first, 1, 10],
    [second, 2, 12],
  ] as const) {
    expect(save).toMatchObject({ name: 'save', parentSpanId: attempt!.spanId, status: { code: 0 } });
    expect(save?.attributes).toEqual({ ...all, 'nas.epoch': epoch, 'nas.step': step });
  }
  expect(attempt).toMatchObject({ name: 'attempt 3', status: { code: 2, message: 'no room' } });
  expect(attempt?.attributes).toEqual({
    ...all,
    'nas.attempt': 3,
    'nas.device': 'gpu:0',
    'nas.ending': 'Crashed',
  });
  const [stage] = await told(() => tellEndedWork('run', firstRun, work));
  expect(attempt).toMatchObject({ parentSpanId: stage!.spanId, traceId: stage!.traceId });
});

test('work of a release that did not say of which run it is has no span', async () => {
  const { firstRun: _, ...old } = input;
  expect(await told(() => new AttemptSpan(old, 1, 'cpu').end('done', null))).toEqual([]);
});

test("nothing is told where OpenTelemetry's own variable forbids it, and a collector that is gone holds nobody up", async () => {
  expect(await told(() => tellEndedWork('run', firstRun, work), { OTEL_SDK_DISABLED: 'true' })).toEqual([]);
  const nobody = {
    OTEL_SDK_DISABLED: 'false',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_EXPORTER_OTLP_TIMEOUT: '200',
  };
  expect(await told(() => tellEndedWork('run', firstRun, work), nobody)).toEqual([]);
});
