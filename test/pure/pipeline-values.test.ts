import { describe, expect, test } from 'vitest';
import { planOf, problemsOf } from '../support/pipelines.ts';

/** A pipeline of `command` stages and whatever else is under test. */
const pipeline = (stages: string, top = ''): string => `name: p\n${top}stages:\n${stages}`;
const training = `name: p
config: [common.yml, train_supernet_models.yml, fashion.yml]
with: { ground_truth: configs/ground-truth/cvpr2022-track1.json }
stages:
`;
const oneShot = '  one-shot: { uses: train-supernet }\n';

describe('an order that cannot be', () => {
  test.each([
    [
      'a cycle is named',
      pipeline(
        '  a: { uses: command, needs: b, with: { run: [x] } }\n  b: { uses: command, needs: c, with: { run: [x] } }\n  c: { uses: command, needs: a, with: { run: [x] } }',
      ),
      [
        'p.yml:3:30: stages.a.needs: expected stages without a cycle, got a needs b needs c needs a; remove one of these needs',
      ],
    ],
    [
      'a stage that needs itself',
      pipeline('  a: { uses: command, needs: [a], with: { run: [x] } }'),
      ['p.yml:3:31: stages.a.needs.0: expected another stage, got a itself; remove it'],
    ],
    [
      'a reference to a stage that is not needed',
      pipeline(
        '  a: { uses: command, with: { run: [x], outputs: { y: y } } }\n  b: { uses: command, with: { run: ["${{ stages.a.files.y.file }}"] } }',
      ),
      [
        'p.yml:4:37: stages.b.with.run.0: expected a stage that b needs, got ${{ stages.a.files.y.file }}; add a to needs',
      ],
    ],
    [
      'a supernet that inherits from one of as many groups',
      `${training}${oneShot}  k3: { uses: train-supernet, needs: one-shot, with: { groups: 3, inherit: "\${{ stages.one-shot.selected }}" } }\n  k2: { uses: train-supernet, needs: k3, with: { groups: 2, inherit: "\${{ stages.k3.selected }}" } }`,
      [
        "p.yml:7:70: stages.k2.with.inherit: expected a supernet of fewer than 2 groups, got one of 3; take an earlier stage's",
      ],
    ],
    [
      'K beyond the widths of the space',
      `${training}  one-shot: { uses: train-supernet, with: { groups: 9 } }`,
      ['p.yml:5:53: stages.one-shot.with.groups: expected 1..7 (the space has that many widths), got 9; correct it'],
    ],
    [
      'an output of the wrong kind',
      `${training}${oneShot}  rank: { uses: merge-results, needs: one-shot, with: { parts: "\${{ stages.one-shot.selected }}" } }`,
      [
        'p.yml:6:64: stages.rank.with.parts: expected a list, got a map from ${{ stages.one-shot.selected }}; refer to another output',
      ],
    ],
  ])('%s', (_, text, lines) => {
    expect(problemsOf(text)).toEqual(lines);
  });
});

describe('values that are out of place', () => {
  test.each([
    [
      'a text for a number',
      `${training}  one-shot: { uses: train-supernet, with: { epochs: ten } }`,
      'p.yml:5:53: stages.one-shot.with.epochs: expected a number, got "ten"; correct it',
    ],
    [
      'part of a number',
      `${training}  one-shot: { uses: train-supernet, with: { epochs: 1.5 } }`,
      'p.yml:5:53: stages.one-shot.with.epochs: expected an integer, got 1.5; correct it',
    ],
    [
      'a choice that there is not',
      `${training}  one-shot: { uses: train-supernet, with: { sample_way: best } }`,
      'p.yml:5:57: stages.one-shot.with.sample_way: expected random, fair, large or small, got "best"; correct it',
    ],
    [
      'what is missing',
      pipeline('  a: { uses: command }'),
      'p.yml:3:3: stages.a.with.run: expected a list, got nothing; add it',
    ],
    ['no stages', 'name: p', 'p.yml:1:1: stages: expected a map, got nothing; add it'],
    [
      'select on what has no epochs',
      pipeline('  a: { uses: command, with: { run: [x] }, select: { rule: max } }'),
      'p.yml:3:43: stages.a.select: expected no select, got one: command has no epochs to choose from; remove it',
    ],
    [
      'a time to wait for nobody',
      `${training}  one-shot: { uses: train-supernet, select: { timeout: 1h } }`,
      'p.yml:5:56: stages.one-shot.select.timeout: expected no timeout, got one: wait is none; remove it, or write wait: signal',
    ],
    [
      'a duration without unit',
      pipeline('  a: { uses: command, with: { run: [x] }, timeout: "5" }'),
      'p.yml:3:52: stages.a.timeout: expected a duration such as 90s, 5m, 2h or 3d, got "5"; correct it',
    ],
    [
      'a word of a program in one of many notices',
      pipeline('  a: { uses: command, with: { run: [x] } }', 'notify: [{ webhook: W }, { command: [sh, 1] }]\n'),
      'p.yml:2:42: notify.1.command.1: expected a text, got 1; quote it',
    ],
    [
      'an event that there is not, of a mail',
      pipeline('  a: { uses: command, with: { run: [x] } }', 'notify: { mail: a@example.org, on: [parkd] }\n'),
      'p.yml:2:37: notify.on.0: expected parked, selecting, stage, done or failed, got "parkd"; correct it',
    ],
    [
      'a way to be told that there is not',
      pipeline('  a: { uses: command, with: { run: [x] } }', 'notify: [{ mial: a@example.org }]\n'),
      'p.yml:2:12: notify.0.mial: expected a known name, got "mial"; did you mean mail?',
    ],
    [
      'no list and no map for notices',
      pipeline('  a: { uses: command, with: { run: [x] } }', 'notify: me\n'),
      'p.yml:2:9: notify: expected a map or a list, got "me"; correct it',
    ],
    [
      'too many cells',
      pipeline('  a: { uses: command, matrix: { x: 1..100, y: 1..100 }, with: { run: [x] } }'),
      'p.yml:3:47: stages.a.matrix.y: expected at most 1000 cells, got 10000; take fewer values',
    ],
    [
      'a value of the matrix twice',
      pipeline('  a: { uses: command, matrix: { x: [1, 1] }, with: { run: [x] } }'),
      'p.yml:3:33: stages.a.matrix.x: expected different values, got one twice; remove it',
    ],
    [
      'a matrix of what only the run knows',
      pipeline(
        '  a: { uses: command, with: { run: [x], outputs: { y: y } } }\n  b: { uses: command, needs: a, matrix: { x: ["${{ stages.a.files.y.file }}"] }, with: { run: [x] } }',
      ),
      'p.yml:4:43: stages.b.matrix.x: expected values that are known before the run, got a reference; write them out, or use ${{ params.… }}',
    ],
    [
      'a range that goes down',
      pipeline('  a: { uses: command, matrix: { x: 3..2 }, with: { run: [x] } }'),
      'p.yml:3:36: stages.a.matrix.x: expected a range of 1..1000 values, got "3..2"; write it as first..last',
    ],
    [
      'a reference into a value that has no parts',
      pipeline('  a: { uses: command, matrix: { x: 1..2 }, with: { run: ["${{ matrix.x.y }}"] } }'),
      'p.yml:3:58: stages.a.with.run.0: expected a value that is there, got ${{ matrix.x.y }}: there is no "y"; correct the reference',
    ],
    [
      'the second of several config files that is not there',
      pipeline('  a: { uses: command, with: { run: [x] } }', 'config: [common.yml, commno.yml]\n'),
      'p.yml:2:22: config.1: expected a file, got none at "configs/commno.yml"; correct the path',
    ],
    [
      'one word of a list that is no value',
      pipeline('  a: { uses: command, with: { run: [x, .inf, y] } }'),
      'p.yml:3:40: stages.a.with.run.1: expected a number that can be kept exactly, got Infinity; put it in quotes if it is a text',
    ],
    [
      'a stage id with a slash',
      pipeline('  a/b: { uses: command, with: { run: [x] } }'),
      'p.yml:3:3: stages.a/b: expected letters, digits, _ and -, the first no -, got a map; correct it',
    ],
    [
      'a directory with ..',
      pipeline('  a: { uses: command, with: { run: [x] }, directory: a/../../b }'),
      'p.yml:3:54: stages.a.directory: expected names of letters, digits, ., _ and - with / between them, got "a/../../b"; choose others',
    ],
    [
      'a directory that cells share',
      pipeline('  a: { uses: command, matrix: { x: 1..2 }, directory: all, with: { run: [x] } }'),
      'p.yml:3:55: stages.a.directory: expected a directory of its own, got all, which a cell of a has; name another',
    ],
    [
      'a condition that is none',
      pipeline('  a: { uses: command, if: params.x >, with: { run: [x] } }', 'params: { x: 1 }\n'),
      'p.yml:4:27: stages.a.if: expected a value in the condition, got its end; correct the condition',
    ],
    [
      'a param of the wrong type',
      `${training.replace('with:', 'params: { n: ten }\nwith:')}  one-shot: { uses: train-supernet, with: { epochs: "\${{ params.n }}" } }`,
      'p.yml:6:53: stages.one-shot.with.epochs: expected a number, got "ten" from ${{ params.n }}; correct the param n',
    ],
    [
      'an arch code of another space',
      `name: p\nconfig: [common.yml, train_standalone_models.yml, fashion.yml]\nstages:\n  a: { uses: train-standalone, with: { arch: "12", seeds: [1] } }`,
      'p.yml:4:46: stages.a.with.arch: expected 52 digits at digit [2], got the end after 2; correct the arch code',
    ],
  ])('%s', (_, text, line) => {
    expect(problemsOf(text)).toEqual([line]);
  });

  test('are found in the config file they come from', () => {
    const files = { 'configs/c.yml': 'env: { A: [1] }\nepoch: 1\n' };
    expect(problemsOf(pipeline('  a: { uses: command, with: { run: [x] } }', 'config: c.yml\n'), {}, files)).toEqual([
      'configs/c.yml:1:8: stages.a.with.env.A: expected a text, a number or true or false, got a list of 1; correct it',
      'configs/c.yml:2:1: epoch: expected a key that some kind of stage knows, got "epoch"; did you mean epochs?',
    ]);
  });

  test('that several stages inherit are told once', () => {
    const text = pipeline(
      '  a: { uses: command, with: { run: [x] } }\n  b: { uses: command, with: { run: [x] } }',
      'with: { env: { A: [1] } }\n',
    );
    expect(problemsOf(text)).toEqual([
      'p.yml:2:16: stages.a.with.env.A (and 1 more): expected a text, a number or true or false, got a list of 1; correct it',
    ]);
  });
});

test('a range may end where it begins', () => {
  const text = pipeline('  a: { uses: command, matrix: { n: 3..3 }, with: { run: ["${{ matrix.n }}"] } }');
  expect(planOf(text).stages[0]?.matrix).toEqual([{ n: 3 }]);
});

test('everything that is wrong is told at once, in the order of the file', () => {
  const text = `name: a/b
stages:
  a: { uses: comand }
  b: { uses: command, needs: c, with: { run: [x], env: 1 }, retry: { attempts: 0 } }
`;
  expect(problemsOf(text, { id: '../x', set: ['nothing'] })).toEqual([
    '--set nothing: expected key=value, key the name of a param, with.<key> or stages.<id>.with.<key>, got "nothing"; write it so',
    `--id: expected 1..100 letters, digits, '.', '_', ':' or '-', the first a letter or digit, got "../x"; choose another id`,
    'p.yml:1:7: name: expected letters, digits, _ and -, the first no -, got "a/b"; correct it',
    'p.yml:3:14: stages.a.uses: expected a kind of stage, got "comand"; did you mean command?',
    'p.yml:4:30: stages.b.needs: expected a stage of this file, got c; did you mean a?',
    'p.yml:4:56: stages.b.with.env: expected a map, got 1; correct it',
    'p.yml:4:80: stages.b.retry.attempts: expected at least 1, got 0; correct it',
  ]);
});

const priorityOf = (text: string) =>
  planOf(`name: p\n${text}\nstages: { one: { uses: command, with: { run: [touch, x] } } }`).priority;

test('a priority is a level, or a team and its share as well, in the words of Temporal', () => {
  expect(priorityOf('')).toBeUndefined();
  expect(priorityOf('priority: 2')).toEqual({ priorityKey: 2 });
  expect(priorityOf('priority: { level: 5 }')).toEqual({ priorityKey: 5 });
  expect(priorityOf('priority: { fairness_key: vision }')).toEqual({ fairnessKey: 'vision' });
  expect(priorityOf('priority: { level: 1, fairness_key: vision, fairness_weight: 2.5 }')).toEqual({
    priorityKey: 1,
    fairnessKey: 'vision',
    fairnessWeight: 2.5,
  });
});
