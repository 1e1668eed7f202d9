import { describe, expect, test } from 'vitest';
import type { Choice } from '../../plan/choice.ts';
import type { PlanStage } from '../../plan/plan.ts';
import type { StageResult } from '../../plan/results.ts';
import { planOf } from '../support/pipeline-server.ts';
import * as records from '../../workflows/records.ts';
import type { CellRecord, Records, StageRecord } from '../../workflows/records.ts';
import { statusOf } from '../../workflows/status.ts';

// What a run knows of itself, and what it tells of that.

const result: StageResult = { outputs: { value: 1 }, choices: null, chosen: null, attempt: 1, reused: null };
const taken: StageResult = { ...result, reused: 'same fingerprint as old/a' };

function cell(state: CellRecord['state'], changes: Partial<CellRecord> = {}): CellRecord {
  const nothing = { result: null, chosen: null, chooseUntil: null, outputs: null, error: null };
  return { id: 'a', state, rounds: 0, attempts: 0, ...nothing, set: {}, ...changes };
}

const stage = (...cells: CellRecord[]): StageRecord => ({ id: 'a', cells });

describe('the records of a run', () => {
  const plan = planOf(
    { id: 'a', uses: 'echo' },
    { id: 'b', uses: 'echo', matrix: [{ x: 1 }, { x: 2 }], directory: 'b/${{ matrix.x }}' },
  );

  test('begin with a cell a stage, or as many as its matrix has, of which none has begun', () => {
    const begun = records.recordsFrom(plan, undefined);
    expect(begun).toEqual({
      version: 1,
      paused: false,
      notices: [],
      stages: [
        { id: 'a', cells: [cell('waiting')] },
        { id: 'b', cells: [cell('waiting', { id: 'b.1' }), cell('waiting', { id: 'b.2' })] },
      ],
    });
    expect(records.recordsFrom(plan, begun)).toBe(begun);
  });

  test('of a release that is not known are refused', () => {
    const carried: object = { ...records.recordsFrom(plan, undefined), version: 7 };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    expect(() => records.recordsFrom(plan, carried as Records)).toThrow(
      `run ${plan.id}: expected records of version 1, got 7; run the workers of the release that began it`,
    );
  });

  test('of 0.1.0 get the names of today', () => {
    // As its histories have it, whatever the type says.
    const old: object = { key: 3, score: 0.5, interval: null };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const asked = { ...result, choices: [old as Choice] };
    const works = [cell('selecting', { result: asked }), cell('waiting')];
    const without = cell('done', { result });
    const read = records.recordsFrom(plan, {
      paused: true,
      notices: ['n'],
      stages: [
        { id: 'a', works },
        { id: 'b', works: [without] },
      ],
    });
    const choices = [{ epoch: 3, tau: 0.5, interval: null }];
    expect(read).toEqual({
      version: 1,
      paused: true,
      notices: ['n'],
      stages: [
        { id: 'a', cells: [cell('selecting', { result: { ...result, choices } }), cell('waiting')] },
        { id: 'b', cells: [without] },
      ],
    });
  });

  test('find the cells that a message means', () => {
    const begun = records.recordsFrom(plan, undefined);
    const named = (name: string): string[] => records.cellsNamed(begun, name).map(({ id }) => id);
    expect(named('a')).toEqual(['a']);
    expect(named('b')).toEqual(['b.1', 'b.2']);
    expect(named('b.2')).toEqual(['b.2']);
    expect([named('b.3'), named('c'), named('a.1')]).toEqual([[], [], []]);
  });

  test('know the epoch that was chosen, and the file that is passed on', () => {
    const choices = [
      { epoch: 0, tau: 0.1, interval: null },
      { epoch: 2, tau: 0.3, interval: null },
    ];
    const chosen = { epoch: 2, by: 'rule', who: 'max', why: '' } as const;
    expect(records.choiceIn(cell('done', { result: { ...result, choices }, chosen }))).toBe(choices[1]);
    expect(records.choiceIn(cell('done', { result: { ...result, choices } }))).toBeNull();
    expect(
      records.choiceIn(cell('done', { result: { ...result, choices }, chosen: { ...chosen, epoch: 1 } })),
    ).toBeNull();
    expect(records.choiceIn(cell('done', { result, chosen }))).toBeNull();
    expect(records.choiceIn(cell('waiting'))).toBeNull();
    expect(records.fileOf({ n: 1, list: ['x'], none: null, odd: { file: 3 }, net: { file: 'f', tau: 1 } })).toBe('f');
    expect([records.fileOf({ n: 1 }), records.fileOf({}), records.fileOf(null)]).toEqual([null, null, null]);
  });
});

const done = cell('done', { result });
const reused = cell('done', { result: taken });
const [waiting, begun] = [cell('waiting'), cell('waiting', { rounds: 1 })];
const [skipped, failed, running] = [cell('skipped'), cell('failed'), cell('running')];
const [paused, parked, selecting] = [cell('paused'), cell('parked'), cell('selecting')];

test.each([
  ['failed', [done, failed, skipped, reused]],
  ['skipped', [skipped, skipped]],
  ['done', [done, skipped]],
  ['done', [reused, done]],
  ['done', [reused, skipped]],
  ['reused', [reused, reused]],
  ['waiting', [waiting, waiting]],
  ['waiting', [done, waiting]],
  ['running', [waiting, begun]],
  ['running', [selecting, parked, paused, running, failed]],
  ['paused', [selecting, parked, paused, waiting]],
  ['parked', [selecting, parked, begun]],
  ['selecting', [selecting, begun, done]],
] as const)(
  'a stage is %s by what its cells have in common, or what most needs to be seen (case %#)',
  (state, cells) => {
    expect(records.stateOf(stage(...cells))).toBe(state);
  },
);

test('a cell is over when nothing more will come of it', () => {
  const over = [done, skipped, failed].map(records.isOver);
  const open = [waiting, running, paused, parked, selecting].map(records.isOver);
  expect([...over, ...open]).toEqual([true, true, true, false, false, false, false, false]);
});

/** The status of that one stage. */
function of(planned: PlanStage, ...cells: CellRecord[]) {
  const carried = { version: 1, stages: [stage(...cells)], paused: false, notices: ['said'] } as const;
  const plan = { ...planOf(), stages: [planned] };
  const status = statusOf(plan, { ...carried, stages: [...carried.stages], notices: [...carried.notices] }, 'running');
  expect(status).toMatchObject({ id: plan.id, name: 'test', state: 'running', notices: ['said'] });
  return status.stages[0];
}

describe('the status of a run', () => {
  const plain: PlanStage = planOf({ id: 'a', uses: 'echo' }).stages[0]!;
  const matrix: PlanStage = { ...plain, matrix: [{ x: 1 }, { x: 2 }, { x: 3 }] };
  const idle = { id: 'a', uses: 'echo', state: 'waiting', attempts: 0 };

  test('says nothing of what has not begun, or has no record yet', () => {
    expect(of(plain, waiting)).toEqual(idle);
    const none = { version: 1, stages: [], paused: false, notices: [] } satisfies Records;
    const { stages } = statusOf({ ...planOf(), stages: [plain, { ...plain, id: 'b' }] }, none, 'running', 1);
    expect(stages).toMatchObject([{ id: 'a', state: 'skipped' }]);
  });

  test('has attempts, epochs and values set of all cells, and errors of those that still have them', () => {
    const cells = [
      cell('parked', { id: 'a.1', attempts: 2, error: 'no room', set: { 'x.y': 1 } }),
      cell('done', { id: 'a.2', attempts: 3, error: 'mended', result, set: { z: 2 } }),
      cell('skipped', { id: 'a.3', error: 'given up' }),
    ];
    expect(of({ ...matrix, with: { epochs: 6 } }, ...cells)).toEqual({
      ...idle,
      state: 'parked',
      attempts: 5,
      epochs: 6,
      error: 'a.1: no room',
      cells: { done: 1, reused: 0, total: 3, parked: ['a.1'] },
      set: { 'x.y': 1, z: 2 },
    });
    expect(of(plain, cell('failed', { error: 'no room' }))).toMatchObject({ state: 'failed', error: 'no room' });
    const errors = [cell('parked', { id: 'a.1', error: 'one' }), cell('running', { id: 'a.2', error: 'two' })];
    expect(of(matrix, ...errors)?.error).toBe('a.1: one\na.2: two');
  });

  const choices = [
    { epoch: 0, tau: 0.5, interval: [0.25, 0.75] },
    { epoch: 1, tau: 0.5, interval: null },
    { epoch: 2, tau: null, interval: null },
  ] as const;

  test('has the best epoch so far while a person is asked, and what there is to choose from', () => {
    const asked = cell('selecting', { result: { ...result, outputs: null, choices } });
    expect(of(plain, asked)).toEqual({ ...idle, state: 'selecting', epoch: 1, tau: 0.5, choices });
    const first = { ...plain, select: { by: 'kendall_tau', rule: 'max', wait: 'signal', timeoutMs: null } } as const;
    expect(of(first, asked)).toMatchObject({ epoch: 0, tau: 0.5, interval: [0.25, 0.75] });
  });

  test('has the chosen epoch, and its supernet once it is passed on', () => {
    const chosen = { epoch: 2, by: 'person', who: 'ada', why: '' } as const;
    const outputs = { selected: { file: 'r/a/nan_2.safetensors', sha256: '', epoch: 2, tau: null, groups: 1 } };
    const settled = cell('done', { result: { ...result, choices }, chosen, outputs });
    const passing = { ...plain, outputs: ['selected'] };
    expect(of(passing, settled)).toEqual({
      ...idle,
      state: 'done',
      epoch: 2,
      supernet: 'r/a/nan_2.safetensors',
      outputs,
    });
  });

  test('says why results were taken over', () => {
    expect(of(plain, reused)).toMatchObject({ state: 'reused', reason: 'same fingerprint as old/a' });
    const cells = [cell('running', { id: 'a.1', result: taken }), { ...reused, id: 'a.2' }, { ...done, id: 'a.3' }];
    expect(of(matrix, ...cells)).toMatchObject({
      cells: { done: 2, reused: 1, total: 3, parked: [] },
      reason: '1 of 3 cells reused; a.2: same fingerprint as old/a',
    });
    expect(of(matrix, ...cells)).not.toHaveProperty('outputs');
    expect(of(plain, done)).not.toHaveProperty('reason');
  });
});
