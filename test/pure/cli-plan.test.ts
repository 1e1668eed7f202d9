import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { planMermaid, planTree } from '../../cli/view/plan.ts';
import type { Cost, Plan, PlanStage } from '../../plan/plan.ts';

const stage = (id: string, needs: string[], more: Partial<PlanStage> = {}): PlanStage => ({
  id,
  uses: 'train-supernet',
  needs,
  directory: id,
  with: {},
  matrix: null,
  if: null,
  select: null,
  retry: { maximumAttempts: 3, initialIntervalMs: 1000, backoffCoefficient: 2 },
  timeout: { startToCloseMs: 3_600_000, heartbeatMs: 30_000 },
  queue: 'gpu',
  work: 'heavy',
  outputs: [],
  cost: null,
  plan: null,
  ...more,
});

const costOf = (gmacs: number, more: Partial<Cost> = {}): Cost => ({
  gmacs,
  traffic: 0,
  operations: 0,
  memory: 0,
  disk: 0,
  note: '',
  ...more,
});

const plan = (stages: PlanStage[]): Plan => ({
  version: 1,
  name: 'ladder',
  id: 'first',
  source: 'pipelines/ladder.yml',
  params: { epochs: 3 },
  stages,
});

const ladder = plan([
  stage('one-shot', [], {
    cost: costOf(1234.5),
    select: { by: 'kendall_tau', rule: 'latest-of-the-best', wait: 'signal', timeoutMs: 60_000 },
  }),
  stage('few-shot-2', ['one-shot'], { cost: costOf(12.5), directory: '2' }),
  stage('evaluate', ['few-shot-2'], { uses: 'evaluate-subnets', matrix: [{ part: 1 }, { part: 2 }] }),
  stage('report', ['one-shot', 'evaluate'], { uses: 'report', if: "params.epochs == '3'" }),
]);

test('the tree hangs a stage under the last of its needs and says the rest in words', () => {
  expect(stripVTControlCharacters(planTree(ladder))).toMatchInlineSnapshot(`
    "ladder pipelines/ladder.yml
    run first: 4 stages, 1,247 GMACs
    params epochs=3

    one-shot         train-supernet    1,235 GMACs  one-shot/  waits for \`nas select\`, after 1m 00s the latest epoch with the best tau
    └─ few-shot-2    train-supernet    12.5 GMACs   2/
       └─ evaluate   evaluate-subnets               evaluate/  2 cells
          └─ report  report                         report/    if params.epochs == '3'; needs also one-shot"
  `);
});

test('Mermaid gets one box a stage, one arrow a need, and a frame around a sub-pipeline', () => {
  const parent = plan([stage('before', []), stage('end', ['before'], { uses: 'pipeline', plan: ladder })]);
  expect(planMermaid(parent)).toMatchInlineSnapshot(`
    "flowchart TD
      s0["before<br/>train-supernet"]
      subgraph s1["end<br/>pipeline"]
        s1_0["one-shot<br/>train-supernet<br/>1,235 GMACs"]
        s1_1["few-shot-2<br/>train-supernet<br/>12.5 GMACs"]
        s1_2["evaluate<br/>evaluate-subnets × 2"]
        s1_3["report<br/>report"]
        s1_0 --> s1_1
        s1_1 --> s1_2
        s1_0 --> s1_3
        s1_2 --> s1_3
      end
      s0 --> s1"
  `);
});
