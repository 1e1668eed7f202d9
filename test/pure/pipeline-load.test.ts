import path from 'node:path';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadPipeline } from '../../pipelines/compile.ts';
import { projectRoot } from '../../runtime/layout.ts';
import { childPlanOf, inputOf } from '../../plan/inputs.ts';
import { isObject, valueAt } from '../../plan/json.ts';
import type { Plan } from '../../plan/plan.ts';
import { planOf, problemsOf } from '../support/pipelines.ts';
import type { Json } from '../../plan/json.ts';

const stageOf = (plan: Plan, id: string) => plan.stages.find((stage) => stage.id === id)!;

describe('a plan', () => {
  const text = `
name: p
params: { times: 3 }
stages:
  after:
    needs: before
    uses: command
    matrix: { part: 1..2, half: [a, b] }
    with: { run: [echo, "\${{ stages.before.files.x.sha256 }}", "\${{ matrix.part }} of \${{ params.times }}"] }
    if: \${{ stages.before.files.x.sha256 != '' }}
    retry: { attempts: 7, interval: 1m }
    timeout: 2h
    queue: big
  before: { uses: command, with: { run: [touch, x, "\${{ params.times }}"], outputs: { x: x } } }
`;
  const plan = (): Plan => planOf(text, { id: 'run-1' });

  test('has its stages in the order they can run in, ties as in the file', () => {
    expect(plan().stages.map(({ id }) => id)).toEqual(['before', 'after']);
    const { id, name, version } = plan();
    expect([id, name, version]).toEqual(['run-1', 'p', 1]);
  });

  test('holds params resolved, and what only the run knows as it was written', () => {
    expect(stageOf(plan(), 'before').with['run']).toEqual(['touch', 'x', 3]);
    expect(stageOf(plan(), 'after').with['run']).toEqual([
      'echo',
      '${{ stages.before.files.x.sha256 }}',
      '${{ matrix.part }} of 3',
    ]);
  });

  test('has a cell for every combination, each with a folder of its own', () => {
    const after = stageOf(plan(), 'after');
    expect(after.matrix).toEqual([
      { part: 1, half: 'a' },
      { part: 1, half: 'b' },
      { part: 2, half: 'a' },
      { part: 2, half: 'b' },
    ]);
    expect(after.directory).toBe('after/${{ matrix.part }}-${{ matrix.half }}');
  });

  test('has what the stage says over what its kind says', () => {
    const { retry, timeout, queue, if: condition } = stageOf(plan(), 'after');
    expect(retry).toEqual({ maximumAttempts: 7, initialIntervalMs: 60_000, backoffCoefficient: 2 });
    expect(timeout).toEqual({ startToCloseMs: 7_200_000, heartbeatMs: 30_000 });
    expect([queue, condition]).toEqual(['big', "stages.before.files.x.sha256 != ''"]);
    expect(stageOf(plan(), 'before').queue).toBe('gpu');
  });

  test('says to each stage, and to the pipelines that it runs, what is kept', () => {
    const kept = planOf(text.replace('stages:', 'keep: epochs\nstages:'), { id: 'run-1' });
    const before = stageOf(kept, 'before');
    const cell = { id: 'before', values: {} };
    expect(inputOf(kept, before, cell, {}, { reuse: 'anything' }).origin).toMatchObject({ keep: ['epochs'] });
    expect(childPlanOf(kept, plan(), cell, {}, { reuse: 'anything' }).keep).toEqual(['epochs']);
    const own = { ...plan(), keep: ['set-aside'] as const };
    expect(childPlanOf(kept, own, cell, {}, { reuse: 'anything' }).keep).toEqual(['set-aside']);
    expect(inputOf(plan(), before, cell, {}, { reuse: 'anything' }).origin).not.toHaveProperty('keep');
    expect(problemsOf(text.replace('stages:', 'keep: [everything]\nstages:')).join()).toMatch(/keep/);
  });

  test('is plain data: it survives JSON', () => {
    const made = plan();
    expect(JSON.parse(JSON.stringify(made))).toEqual(made);
  });
});

describe('configuration', () => {
  const files = {
    'configs/a.yml': 'env: { A: "a", B: "a", C: "a", D: "a" }\nepochs: 3\n',
    'configs/b.yml': 'env: { B: "b", C: "b", D: "b" }\n',
    'configs/c.yml': 'env: { C: "c" }\n',
  };
  const text = `
name: p
config: [a.yml, b.yml]
with: { env: { D: with } }
stages:
  plain: { uses: command, with: { run: [x] } }
  own: { uses: command, config: c.yml, with: { run: [x], env: { A: own, E: own } } }
`;

  test('merges key by key: config files in order, those of the stage, the pipeline, the stage', () => {
    const plan = planOf(text, {}, files);
    expect(stageOf(plan, 'plain').with['env']).toEqual({ A: 'a', B: 'b', C: 'b', D: 'with' });
    expect(stageOf(plan, 'own').with['env']).toEqual({ A: 'own', B: 'b', C: 'c', D: 'with', E: 'own' });
  });

  test('gives a stage only the keys that its kind knows', () => {
    expect(Object.keys(stageOf(planOf(text, {}, files), 'plain').with)).toEqual(['env', 'run']);
  });
});

describe('--set', () => {
  const text = `
name: p
params: { word: a }
stages:
  one: { uses: command, with: { run: ["\${{ params.word }}"], env: { A: a } } }
`;

  test('changes a param, or a key of one stage, with a value read as YAML', () => {
    const plan = planOf(text, { set: ['word=12', 'stages.one.with.env.B=yes', 'stages.one.with.outputs={x: y}'] });
    expect(plan.params).toEqual({ word: 12 });
    expect(stageOf(plan, 'one').with).toEqual({ run: [12], env: { A: 'a', B: 'yes' }, outputs: { x: 'y' } });
  });

  test('changes a key of every stage whose kind knows it, and one stage over that', () => {
    const two = `${text}  two: { uses: merge-results, needs: one, with: { parts: [], smooth: false } }\n`;
    const flags = ['with.env.A=b', 'stages.one.with.env.B=c', 'with.env={B: d}'];
    expect(stageOf(planOf(text, { set: flags }), 'one').with).toEqual({ run: ['a'], env: { A: 'b', B: 'c' } });
    expect(problemsOf(two, { set: ['with.smoth=true'] })).toContain(
      '--set with.smoth=true: smoth: expected a key that some kind of stage knows, got "smoth"; did you mean smooth?',
    );
  });

  test('is told by the plan: of each key the last flag, in the order of the keys', () => {
    expect(planOf(text).set).toBeUndefined();
    const flags = ['word=b', 'stages.one.with.env.A=c', ' word = d', 'stages.one.with.env={}'];
    expect(planOf(text, { set: flags }).set).toEqual([
      'stages.one.with.env={}',
      'stages.one.with.env.A=c',
      ' word = d',
    ]);
  });

  test('keeps an arch code a text, and takes nothing for the empty text', () => {
    const code = '1252233313000000223212122253130000000000006515000000';
    expect(planOf(text, { set: [`word=${code}`] }).params).toEqual({ word: code });
    // As short as a code of the smallest space may be; a number with fewer digits is exact.
    for (const digits of ['1234567890123456', '123456789012345678']) {
      expect(planOf(text, { set: [`word=${digits}`] }).params).toEqual({ word: digits });
    }
    expect(planOf(text, { set: ['word=123456789012345'] }).params).toEqual({ word: 123456789012345 });
    expect(planOf(text, { set: ['word='] }).params).toEqual({ word: '' });
  });

  test.each([
    [
      'word',
      '--set word: expected key=value, key the name of a param, with.<key> or stages.<id>.with.<key>, got "word"; write it so',
    ],
    [
      'stages.one.uses=x',
      '--set stages.one.uses=x: expected key=value, key the name of a param, with.<key> or stages.<id>.with.<key>, got "stages.one.uses=x"; write it so',
    ],
    ['wort=1', '--set wort=1: expected a param of p.yml, got wort; did you mean word?'],
    ['stages.oen.with.run=1', '--set stages.oen.with.run=1: expected a stage, got oen; did you mean one?'],
    [
      'word=[1',
      '--set word=[1: expected YAML, got an error: unexpected end of the stream within a flow collection; correct the file',
    ],
    [
      'word=[1]',
      '--set word=[1]: stages.one.with.run.0: expected a text, a number or true or false, got a list of 1 from ${{ params.word }}; correct the param word',
    ],
    [
      'stages.one.with.env.A=[1]',
      '--set stages.one.with.env.A=[1]: stages.one.with.env.A: expected a text, a number or true or false, got a list of 1; correct it',
    ],
    [
      'word=${{ params.word }}',
      '--set word=${{ params.word }}: params.word: expected a value, got a reference; params do not refer to anything, write the value',
    ],
  ])('%s is refused by its name', (flag, line) => {
    expect(problemsOf(text, { set: [flag] })).toEqual([line]);
  });
});

describe('a sub-pipeline', () => {
  const inner = `
name: inner
params: { word: a, file: none }
stages:
  first: { uses: command, with: { run: ["\${{ params.word }}", "\${{ params.file }}"], outputs: { y: y } } }
`;
  const outer = `
name: outer
stages:
  before: { uses: command, with: { run: [x], outputs: { x: x } } }
  sub:
    uses: pipeline
    needs: before
    with: { file: inner.yml, params: { word: b, file: "\${{ stages.before.files.x.file }}" } }
  after: { uses: command, needs: sub, with: { run: ["\${{ stages.sub.first.files.y.file }}"] } }
`;

  test('is compiled with it; what only the run knows stays a reference to its params', () => {
    const { plan } = stageOf(planOf(outer, {}, { 'inner.yml': inner }), 'sub');
    expect(plan?.params).toEqual({ word: 'b', file: '${{ stages.before.files.x.file }}' });
    expect(plan?.stages[0]?.with['run']).toEqual(['b', '${{ params.file }}']);
  });

  test('gives the outputs of its stages, and others are refused', () => {
    expect(problemsOf(outer.replace('sub.first.files', 'sub.last.files'), {}, { 'inner.yml': inner })).toEqual([
      'p.yml:9:53: stages.after.with.run.0: expected an output of sub, got ${{ stages.sub.last.files.y.file }}; known: first',
    ]);
  });

  test('reports its errors in its own file, and a wrong param where it was given', () => {
    const wrong = inner.replace('outputs: { y: y }', 'outputs: { y: ../y }');
    expect(problemsOf(outer.replace('word: b', 'wort: b'), {}, { 'inner.yml': wrong })).toEqual([
      'p.yml:8:46: expected a param of inner.yml, got wort; did you mean word?',
      'inner.yml:5:100: stages.first.with.outputs.y: expected a path below the stage directory, without .., got "../y"; correct it',
    ]);
  });

  test('may not stand inside itself', () => {
    const self = 'name: s\nstages:\n  a: { uses: pipeline, with: { file: p.yml } }\n';
    expect(problemsOf(self, {}, {})).toEqual([
      'p.yml:3:38: stages.a.with.file: expected another pipeline, got one inside itself (p.yml runs p.yml); take this stage out',
    ]);
  });
});

describe('the pipelines that come with the project', () => {
  const files = readdirSync(path.join(projectRoot, 'pipelines')).filter((file) => file.endsWith('.yml'));

  const plans = new Map<string, Plan>();
  const shippedPlan = (file: string): Plan => {
    const plan = plans.get(file) ?? loadPipeline(path.join(projectRoot, 'pipelines', file));
    plans.set(file, plan);
    return plan;
  };

  test.each(files)('%s loads, and says how it is started', (file) => {
    const place = path.join(projectRoot, 'pipelines', file);
    expect(shippedPlan(file).stages.length).toBeGreaterThan(1);
    const head = readFileSync(place, 'utf8').split('\n').slice(0, 6).join('\n');
    expect(head).toMatch(/^# np(x nas|m) start/);
    expect(head).toContain('# yaml-language-server: $schema=schema.json');
  });

  test("cvpr2022-track1.yml has the original's chain, rates and factors", () => {
    const plan = shippedPlan('cvpr2022-track1.yml');
    const training = plan.stages.filter(({ uses }) => uses === 'train-supernet');
    const of = (at: readonly string[]): (Json | undefined)[] => training.map((stage) => valueAt(stage.with, at));
    expect(training.map(({ directory }) => directory)).toEqual([
      'one-shot',
      '2',
      '3_from_2',
      '4_from_3',
      '5_from_4',
      '6_from_5',
      '7_from_6',
    ]);
    expect(of(['groups'])).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(of(['epochs'])).toEqual([100, 20, 20, 20, 20, 20, 20]);
    expect(of(['warmup_epochs'])).toEqual([5, 0, 0, 0, 0, 0, 0]);
    expect(of(['lr_scheduler', 'base_lr'])).toEqual([0.1, 0.001, 0.002, 0.001, 0.001, 0.001, 0.001]);
    expect(of(['weight_decay_bn_bias'])).toEqual([0, 1e-5, 1e-5, 1e-5, 1e-5, 1e-5, 0]);
    expect(of(['keep', 'min_tau'])).toEqual([0.64, null, null, null, null, null, null]);
    const factors = training[6]?.with['group_lr_factors'];
    expect(isObject(factors) && Object.keys(factors)).toEqual(['2', '3', '4', '5', '6']);
    const evaluate = stageOf(plan, 'evaluate');
    expect(evaluate.matrix).toHaveLength(8);
    expect(evaluate.with['supernet']).toBe('${{ stages.few-shot-6.selected }}');
    // 45,000 subnets of 3.0 GMACs on 58,192 images, 1.87 times fewer where beginnings are shared.
    expect(evaluate.cost?.gmacs).toBeCloseTo(4.2e9, -8);
  });

  test('cvpr2022-track1.yml has the keys of the better recipe behind marks, and loads with them', () => {
    const text = readFileSync(path.join(projectRoot, 'pipelines/cvpr2022-track1.yml'), 'utf8');
    const plan = planOf(text.replaceAll(/^( +)# (\w+: )/gm, '$1$2'));
    const training = plan.stages.filter(({ uses }) => uses === 'train-supernet');
    for (const stage of training) expect(stage.with).toMatchObject({ score: 'cross_entropy', sizes: true });
    const { fit } = stageOf(plan, 'ranking').with;
    expect(fit).toMatchObject({ supernet: stageOf(plan, 'evaluate').with['supernet'] });
    expect(valueAt(fit!, ['ground_truth'])).toEqual(training[0]!.with['ground_truth']);
    expect(stageOf(shippedPlan('cvpr2022-track1.yml'), 'ranking').with).not.toHaveProperty('fit');
  });

  test('standalone.yml trains 30 nets, or one', () => {
    const place = path.join(projectRoot, 'pipelines/standalone.yml');
    expect(shippedPlan('standalone.yml').stages[0]?.matrix).toHaveLength(30);
    expect(loadPipeline(place, { set: ['arch=3'] }).stages[0]?.matrix).toEqual([
      { arch: { number: 3, code: '1526421212322232112100000014443444143400006666764600' } },
    ]);
    expect(() => loadPipeline(place, { set: ['arch=31'] })).toThrow('expected only numbers 1..30');
  });
});
