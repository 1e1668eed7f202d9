import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { bar, columns } from '../../cli/view/format.ts';
import type { RunView, Work } from '../../runs/run.ts';
import { frame } from '../../cli/view/frame.ts';
import { fractionOf, Pace, workInWords } from '../../cli/view/progress.ts';
import { statusTable } from '../../cli/view/stages.ts';
import { changes, cut } from '../../cli/watch.ts';
import type { Progress } from '../../nas/process/protocol.ts';
import type { RunStatus, StageStatus } from '../../plan/messages.ts';
import { duration, gmacs } from '../../report/format.ts';

const plain = (lines: readonly string[]): string => stripVTControlCharacters(lines.join('\n'));

const stage = (id: string, more: Partial<StageStatus> = {}): StageStatus => ({
  id,
  uses: 'train-supernet',
  state: 'waiting',
  attempts: 0,
  ...more,
});

const progress = (more: Partial<Progress> = {}): Progress => ({
  version: 1,
  type: 'progress',
  phase: 'training',
  epoch: 2,
  epochs: 4,
  step: 50,
  steps: 100,
  ...more,
});

const work = (name: string, more: Partial<Work> = {}): Work => ({
  stage: name,
  cell: null,
  attempt: 1,
  queued: false,
  progress: progress(),
  ...more,
});

const done = stage('one-shot', {
  state: 'done',
  epoch: 3,
  epochs: 4,
  tau: 0.7123,
  interval: [0.5, 0.8],
  supernet: 'r/one-shot/0.7123_4.safetensors',
  attempts: 1,
});

const status: RunStatus = {
  id: 'r',
  name: 'ladder',
  state: 'running',
  notices: ['selectEpoch one-shot: expected an epoch 1..4, got 9'],
  stages: [
    done,
    stage('few-shot-2', { state: 'running' }),
    stage('choose', {
      state: 'selecting',
      attempts: 1,
      choices: [
        { epoch: 1, tau: 0.5, interval: [0.3, 0.7] },
        { epoch: 2, tau: null, interval: null },
      ],
    }),
    stage('broken', { state: 'parked', attempts: 5, error: 'NaNLoss at step 3' }),
    stage('evaluate', { state: 'running', attempts: 2, cells: { done: 1, reused: 0, total: 4, parked: [] } }),
    stage('late', { state: 'running' }),
    stage('merge'),
  ],
};

const view: RunView = {
  status,
  startedAt: 0,
  endedAt: null,
  ending: null,
  work: [
    work('few-shot-2', { progress: progress({ stepsPerSecond: 12.345, loss: 1.5, tau: 0.69 }), attempt: 2 }),
    work('evaluate', {
      cell: '2',
      progress: progress({
        phase: 'evaluating',
        epoch: 0,
        epochs: 0,
        step: 0,
        steps: 0,
        subnets: 30,
        subnetsTotal: 60,
      }),
    }),
    work('late', { queued: true, progress: null }),
  ],
};

test('the live picture has a bar for what runs, a line for each running cell, and the way on for what waits', () => {
  const pace = new Pace();
  pace.left('few-shot-2', 0.5, 50_000);
  expect(plain(frame(view, pace, 60_000))).toMatchInlineSnapshot(`
    "r running 1m 00s
    ✓ one-shot      done          epoch 3 of 0..3  tau 0.712 [0.500, 0.800]  r/one-shot/0.7123_4.safetensors
    ▶ few-shot-2    ███████▌░░░░  epoch 2 of 0..3  step 50/100  12.3 steps/s  loss 1.500  tau 0.690  ETA 30s  attempt 2
    ? choose        selecting     nas select r choose EPOCH
    ! broken        parked        NaNLoss at step 3  nas retry r broken | nas skip r broken | nas abort r broken
    ▶ evaluate      ████▌░░░░░░░  1/4 cells
        evaluate.2  ██████░░░░░░  evaluating  30/60 subnets
    ▶ late          queued
    · merge         waiting
    selectEpoch one-shot: expected an epoch 1..4, got 9"
  `);
});

test('the table of a run shows what was reached, what can be chosen and how to go on', () => {
  expect(plain([statusTable(view)])).toMatchInlineSnapshot(`
    "r running

      stage       state      epoch      tau                   cells  attempts  supernet
    ✓ one-shot    done       3 of 0..3  0.712 [0.500, 0.800]         1         r/one-shot/0.7123_4.safetensors
    ▶ few-shot-2  running
    ? choose      selecting                                          1
    ! broken      parked                                             5
    ▶ evaluate    running                                     1/4    2
    ▶ late        running
    · merge       waiting

    few-shot-2: epoch 2 of 0..3, step 50/100, 12.3 steps/s, loss 1.500, tau 0.690, ETA ≥ 12s, attempt 2
    choose: epoch 1: tau 0.500 [0.300, 0.700]
    choose: epoch 2: tau undefined
    choose: go on with \`nas select r choose EPOCH\`
    broken: NaNLoss at step 3
    broken: go on with \`nas retry r broken\`
    broken: go on with \`nas skip r broken\`
    broken: go on with \`nas abort r broken\`
    evaluate.2: evaluating, 30/60 subnets
    late: waits for a worker
    selectEpoch one-shot: expected an epoch 1..4, got 9"
  `);
});

test('without a terminal a stage gets a line for another state or epoch, and none for another step or loss', () => {
  const [training, ...otherWork] = view.work;
  const at = (more: Partial<Progress>): RunView => ({
    ...view,
    work: [{ ...training!, progress: { ...training!.progress!, ...more } }, ...otherWork],
  });
  expect(changes(view, view)).toEqual([]);
  expect(changes(view, at({ step: 99, loss: 1.2 }))).toEqual([]);
  expect(changes(view, at({ epoch: 3, loss: 1.2 }))).toEqual([
    'few-shot-2: running, epoch 3 of 0..3, loss 1.200, tau 0.690',
  ]);
  const finished = { ...view, status: { ...status, stages: [{ ...done, epoch: 1 }, ...status.stages.slice(1)] } };
  expect(changes(view, finished)).toEqual([
    'one-shot: done, epoch 1 of 0..3, tau 0.712 [0.500, 0.800], r/one-shot/0.7123_4.safetensors',
  ]);
  expect(changes(null, view)).toHaveLength(7);
});

const left = (more: Partial<Progress>): string | undefined =>
  workInWords(work('x', { progress: progress(more) }), null).at(-1);

test('the time left is told by the rate that a heartbeat reports, and as the least where more is to be done than that', () => {
  expect(left({ stepsPerSecond: 10 })).toBe('ETA ≥ 15s');
  expect(left({ phase: 'evaluating', stepsPerSecond: 10 })).toBe('evaluating');
  const subnets = { phase: 'evaluating', subnets: 100, subnetsTotal: 400, subnetsPerSecond: 5 } as const;
  expect(left(subnets)).toBe('ETA ≥ 1m 00s');
  expect(left({ ...subnets, epochs: 0 })).toBe('ETA 1m 00s');
});

test('the fraction counts finished epochs, then steps, then subnets', () => {
  expect(fractionOf(progress())).toBe(0.625);
  expect(fractionOf(progress({ phase: 'evaluating', step: 0, steps: 0 }))).toBe(0.75);
  expect(fractionOf(progress({ phase: 'loading', epoch: 0 }))).toBe(0);
  expect(fractionOf(progress({ phase: 'evaluating', epochs: 0, subnets: 1, subnetsTotal: 4 }))).toBe(0.25);
});

test('the time left comes from what was gained, and starts anew when a fraction falls', () => {
  const pace = new Pace();
  expect(pace.left('a', 0.2, 0)).toBeNull();
  expect(pace.left('a', 0.4, 10_000)).toBeCloseTo(30_000);
  expect(pace.left('a', 0.1, 20_000)).toBeNull();
});

test('figures are shown in the unit that fits', () => {
  expect([34_000, 134_000, 3_780_000, 190_800_000].map(duration)).toEqual(['34s', '2m 14s', '1h 03m', '2d 05h']);
  expect([1.23e7, 3e9, 5.12e13].map(gmacs)).toEqual(['0.0123', '3.00', '51,200']);
  expect([0, 0.5, 0.53, 1].map((fraction) => bar(fraction, 4))).toEqual(['░░░░', '██░░', '██▏░', '████']);
});

test('lines are cut to the width of the terminal, colours aside, and columns line up', () => {
  expect(cut('\u001B[32mabcdef\u001B[39m', 4)).toBe('\u001B[32mabc\u001B[39m…');
  expect(cut('abc', 3)).toBe('abc');
  expect(
    columns([
      ['a', '', '\u001B[1mbb\u001B[22m', 'c'],
      ['aaa', '', 'b'],
    ]),
  ).toEqual(['a    \u001B[1mbb\u001B[22m  c', 'aaa  b']);
});
