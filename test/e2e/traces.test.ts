import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { nas, RunningNas } from '../support/nas.ts';
import { collector } from '../support/span-collector.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('a run, its stages, the attempts at them and what they save are one trace', async () => {
  const { endpoint, spans } = await collector();
  const folder = temporaryFolder();
  const own = (name: string): string => path.join(folder, name);
  const environment = { NAS_HOME: own('home'), NAS_RESULTS: own('results') };
  const up = new RunningNas(['up', '--json'], { ...environment, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
  await up.prints('"devices"');
  const failsOnce = `test -e ${own('tried')} || { touch ${own('tried')}; exit 1; }`;
  const more = JSON.stringify({
    uses: 'command',
    needs: 'one-shot',
    retry: { interval: '1s' },
    with: { run: ['sh', '-c', failsOnce] },
  });
  const never = JSON.stringify({ uses: 'command', if: 'failure()', needs: 'one-shot', with: { run: ['true'] } });
  const file = own('traced.yml');
  const [trained = ''] = readFileSync('test/e2e/kills.yml', 'utf8').split('  evaluate:');
  writeFileSync(file, `${trained}  twice: ${more}\n  never: ${never}\n`);
  expect(await nas(['start', file, '--id', 'traced', '--watch'], environment)).toMatchObject({ code: 0 });
  await up.interrupt();

  const tree = (parent: string | undefined): unknown[] =>
    spans
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .toSorted((a, b) => a.startTimeUnixNano - b.startTimeUnixNano)
      .map(({ name, spanId, status }) => [name, ...(status.code === 2 ? ['failed'] : []), ...tree(spanId)]);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const saves = spans.filter(({ name }) => name === 'save');
  expect(saves.length).toBeGreaterThan(1);
  expect(tree(undefined)).toEqual([
    [
      'run traced',
      ['stage one-shot', ['attempt 1', ...saves.map(() => ['save'])]],
      ['stage twice', ['attempt 1', 'failed'], ['attempt 2']],
    ],
  ]);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const SECOND = 1e9;
  for (const { name, parentSpanId, startTimeUnixNano: began, endTimeUnixNano: ended } of spans) {
    const above = byId.get(parentSpanId ?? '');
    // Of workflow and worker each has a clock.
    const isWithin =
      above === undefined || (began >= above.startTimeUnixNano - SECOND && ended <= above.endTimeUnixNano + SECOND);
    expect({ name, isWithin, isForward: began <= ended }).toEqual({ name, isWithin: true, isForward: true });
  }
});
