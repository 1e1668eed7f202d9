import path from 'node:path';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { JsonMap } from '../../artifacts/json.ts';
import { forecast } from '../../cli/forecast.ts';
import { forecastLines } from '../../cli/view/plan.ts';
import { fingerprintOf } from '../../pipelines/fingerprint.ts';
import { kindOf } from '../../pipelines/kinds/catalogue.ts';
import type { JsonObject } from '../../plan/json.ts';
import type { Plan, PlanStage } from '../../plan/plan.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { planOf } from '../support/pipeline-server.ts';
import { committedSpace } from '../support/spaces.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const space = JsonMap.parse(committedSpace('fashion'));
const uses = 'ground-truth-table';
const result = (mean: number): JsonObject => ({ file: 'x', sha256: 'a'.repeat(64), arch: '1', mean });
const tables = (more: Partial<PlanStage> = {}): Partial<PlanStage> & { id: string; uses: string } => ({
  id: 'tables',
  uses,
  matrix: [{ part: 1 }, { part: 2 }, { part: 3 }],
  with: { space, n_classes: 10, results: [result(1), { ...result(1), mean: '${{ matrix.part }}' }] },
  ...more,
});
/** Takes in what `tables` gave. */
const all = (more: Partial<PlanStage> = {}): Partial<PlanStage> & { id: string; uses: string } => ({
  id: 'all',
  uses,
  needs: ['tables'],
  with: { space, n_classes: 10, results: '${{ stages.tables.table }}' },
  ...more,
});

/** Leaves what a run has made of a stage with that config. */
async function made(root: string, directory: string, config: JsonObject, mean: number): Promise<void> {
  const parsed = kindOf(uses).taskOf(config, 'with').config;
  const file = `${directory}/table.json`;
  mkdirSync(path.join(root, directory), { recursive: true });
  writeFileSync(path.join(root, file), directory);
  const outputs = { table: { ...result(mean), file } };
  await finishedStage(root, directory, uses, { config: parsed, fingerprint: fingerprintOf(uses, parsed), outputs });
}

/** The results of a run `old` of the cells that are named. */
async function resultsOf(cells: readonly number[], classes = 10): Promise<string> {
  const root = temporaryFolder();
  for (const part of cells) {
    const config = { space, n_classes: classes, results: [result(1), result(part)] };
    await made(root, `old/tables/${part}`, config, part);
  }
  return root;
}

const linesOf = async (plan: Plan, root: string): Promise<string[]> =>
  forecastLines(await forecast(plan, root)).slice(1);
const because = 'because inputs, config and code are the same';

test('all cells are told that will run, and some where some will', async () => {
  const root = await resultsOf([1, 3]);
  expect(await linesOf(planOf(tables(), all()), root)).toEqual([
    '▶ tables  will run, 1 of 3 cells, because no run has done it yet; ' +
      `2 of 3 cells will be reused, reused from old/tables/1, ${because} (and the like)`,
    '▶ all     will run, because tables will',
  ]);
  const [first] = await forecast(planOf(tables(), all()), root);
  expect(first).toMatchObject({ will: 'run', cells: { run: 1, 'be reused': 2 } });

  const above = planOf(
    { id: 'before', uses, with: { space, n_classes: 10, results: [result(9)] } },
    tables({
      with: { space, n_classes: 10, results: ['${{ stages.before.table }}', '${{ matrix.part }}'] },
    }),
  );
  expect((await linesOf(above, root))[1]).toBe('▶ tables  will run, all 3 cells, because before will');
});

test('all cells that are reused are told with what they give to the next stage', async () => {
  const root = await resultsOf([1, 2, 3]);
  await made(root, 'old/all', { space, n_classes: 10, results: [1, 2, 3].map(result) }, 7);
  expect(await linesOf(planOf(tables(), all()), root)).toEqual([
    `↺ tables  all 3 cells, reused from old/tables/1, ${because} (and the like)`,
    `↺ all     reused from old/all, ${because}`,
  ]);
});

test('a stage that needs another and takes nothing from it is reused whatever becomes of that', async () => {
  const root = await resultsOf([]);
  await made(root, 'old/all', { space, n_classes: 10, results: [result(5)] }, 7);
  const alone = all({ with: { space, n_classes: 10, results: [result(5)] } });
  expect((await linesOf(planOf(tables(), alone), root))[1]).toBe(`↺ all     reused from old/all, ${because}`);
});

test('the same stage of another run is compared, and no other stage', async () => {
  const root = await resultsOf([1, 2, 3], 11);
  const [tablesLine, allLine] = await linesOf(
    planOf(tables(), all({ with: { space, n_classes: 12, results: [result(1)] } })),
    root,
  );
  expect(tablesLine).toBe(
    '▶ tables  will run, all 3 cells, because n_classes (11 → 10) changed since old/tables/1 (and the like)',
  );
  expect(allLine).toBe('▶ all     will run, because no run has done it yet');
  const stranger = JsonMap.parse(committedSpace('imagenet'));
  const other = tables({ with: { space: stranger, n_classes: 1000, results: [result(1), result(2)] } });
  expect((await linesOf(planOf(other), root))[0]).toBe(
    '▶ tables  will run, all 3 cells, because no run has done it yet',
  );
});

test('code that has changed and files that are gone are told apart', async () => {
  const root = await resultsOf([1]);
  const plan = planOf({ ...tables(), matrix: [{ part: 1 }] });
  rmSync(path.join(root, 'old/tables/1/table.json'));
  expect((await linesOf(plan, root))[0]).toContain('because files of old/tables/1 are gone');
  const again = { ...plan, id: 'old' };
  expect((await linesOf(again, root))[0]).toContain('because files of its result are gone');
  const config = { space, n_classes: 10, results: [result(1), result(1)] };
  const parsed = kindOf(uses).taskOf(config, 'with').config;
  await finishedStage(root, 'elder/tables/1', uses, { config: parsed, fingerprint: 'f'.repeat(64) });
  rmSync(path.join(root, 'old'), { recursive: true });
  expect((await linesOf(plan, root))[0]).toContain(`because the code of ${uses} has changed since elder/tables/1`);
});

test('a condition that does not hold, or that only the run can decide, is told', async () => {
  const root = await resultsOf([1, 2, 3]);
  const plan = planOf(
    tables(),
    all({ if: '1 > 2' }),
    { id: 'after', uses: 'command', needs: ['all'], with: { run: ['x'] } },
    { id: 'open', uses: 'command', needs: ['tables'], with: { run: ['x'] } },
    { id: 'asks', uses: 'command', needs: ['open'], with: { run: ['x'] }, if: 'stages.open.files.x.sha256 != null' },
  );
  expect((await linesOf(plan, root)).slice(1)).toEqual([
    '- all     will be skipped, because its condition does not hold',
    '- after   will be skipped, because all will be',
    '▶ open    will run, because nobody knows what else its program reads',
    '▶ asks    will run, because nobody knows what else its program reads, if its condition holds',
  ]);
});

test('the stages of a sub-pipeline are told one by one, and what cannot go well is told too', async () => {
  const root = await resultsOf([1, 2, 3]);
  const inner = planOf(tables(), all());
  const plan = planOf(
    { id: 'sub', uses: 'pipeline', plan: inner },
    { ...all(), id: 'wrong', needs: ['sub'], with: { space, n_classes: -1, results: [] } },
  );
  expect(await linesOf(plan, root)).toEqual([
    '▶ sub         will run, 1 of 2 stages',
    `↺ sub.tables  all 3 cells, reused from old/tables/1, ${because} (and the like)`,
    '▶ sub.all     will run, because no run has done it yet',
    expect.stringMatching(/^! wrong {7}will park: wrong\.with\.n_classes: /),
  ]);
});

test('what is asked of an older run and is not there is told, also where there are no results at all', async () => {
  const plan: Plan = { ...planOf(tables(), all()), reuse: { run: 'nobody', stage: 'all' } };
  expect((await linesOf(plan, temporaryFolder()))[0]).toBe(
    '! tables  will park: all 3 cells, expected a finished stage in nobody/tables/1, got none (and the like)',
  );
  expect(await forecast(planOf(tables()), temporaryFolder())).toEqual([]);
});
