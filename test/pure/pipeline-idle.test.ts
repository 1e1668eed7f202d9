import { describe, expect, test } from 'vitest';
import { planOf, problemsOf } from '../support/pipelines.ts';

const command = (options: string): string =>
  `name: p\nstages:\n  a: { uses: command, with: { run: [x] }, ${options} }\n`;
const inner = 'name: inner\nstages: { b: { uses: command, with: { run: [x] } } }\n';
const sub = (options: string): string =>
  `name: p\nstages:\n  a: { uses: pipeline, with: { file: inner.yml }, ${options} }\n`;
const merge = (options: string): string =>
  `name: p\nstages:\n  a: { uses: merge-results, with: { parts: [null], smooth: false }, ${options} }\n`;
const training = (options: string, top = ''): string => `name: p
config: [common.yml, train_supernet_models.yml, fashion.yml]
${top}stages:
  a: { uses: train-supernet, with: { ground_truth: configs/ground-truth/fashion.json }, ${options} }
`;
/** `p.yml:3:43` for where a text stands in the line of the stage. */
const placeOf = (text: string, what: string): string => {
  const lines = text.split('\n');
  const line = lines.findIndex((one) => one.startsWith('  a:'));
  return `p.yml:${line + 1}:${(lines[line] ?? '').indexOf(what) + 1}`;
};

describe('an option that would do nothing is refused', () => {
  const inChild = 'the stages in it have their own';
  // The last column is where it is told: at a value, or at the key of a map.
  test.each([
    [sub, 'retry: { attempts: 2 }', 'retry', inChild, 'retry'],
    [sub, 'timeout: 2h', 'timeout', inChild, '2h'],
    [sub, 'timeout: { heartbeat: 1m }', 'timeout', inChild, 'timeout'],
    [sub, 'queue: big', 'queue', inChild, 'big'],
    [sub, 'directory: here', 'directory', 'its results lie in the folder of a run of its own', 'here'],
    [sub, 'select: { rule: max }', 'select', 'pipeline has no epochs to choose from', 'select'],
    [merge, 'queue: big', 'queue', 'merge-results is light work, which the workers of control do', 'big'],
    [merge, 'timeout: { heartbeat: 1m }', 'timeout.heartbeat', 'merge-results has none', '1m'],
    [command, 'retry: { attempts: 1, interval: 9m }', 'retry.interval', 'there is one attempt only', '9m'],
    [command, 'retry: { attempts: 1, backoff: 3 }', 'retry.backoff', 'there is one attempt only', '3 }'],
  ] as const)('%s %s', (pipeline, option, key, why, what) => {
    const text = pipeline(option);
    expect(problemsOf(text, {}, { 'inner.yml': inner })).toEqual([
      `${placeOf(text, what)}: stages.a.${key}: expected no ${key.split('.').at(-1)}, got one: ${why}; remove it`,
    ]);
  });

  test('and so is one that says what is so already, or that nobody could do', () => {
    expect(problemsOf(command('queue: control'))).toEqual([
      'p.yml:3:50: stages.a.queue: expected a queue of heavy work, got control, whose workers do light work alone; name another',
    ]);
    expect(problemsOf(command('if: failure()'))).toEqual([
      'p.yml:3:47: stages.a.if: expected needs beside failure(), got none: no need can fail; add needs, or remove failure()',
    ]);
    expect(
      problemsOf(
        'name: p\nstages:\n  a: { uses: command, with: { run: [x] } }\n  b: { uses: command, needs: [a, a], with: { run: [x] } }\n',
      ),
    ).toEqual(['p.yml:4:34: stages.b.needs.1: expected each need once, got a twice; remove one']);
  });

  test('an option that does something is not', () => {
    expect(problemsOf(sub('needs: [], if: "true"'), {}, { 'inner.yml': inner })).toEqual([]);
    expect(problemsOf(merge('retry: { attempts: 2, interval: 1m }, timeout: 2h'))).toEqual([]);
    expect(problemsOf(command('queue: big, retry: { attempts: 1 }, if: "!failure() || true", needs: []'))).toHaveLength(
      1,
    );
    expect(problemsOf(training('select: { rule: max, wait: signal }'))).toEqual([]);
  });
});

describe('a name that nothing asks for is refused', () => {
  test('a param', () => {
    expect(
      problemsOf(
        `name: p\nparams: { used: 1, idle: 2 }\nstages: { a: { uses: command, with: { run: [x, "\${{ params.used }}"] } } }`,
      ),
    ).toEqual([
      'p.yml:2:20: params.idle: expected a param that some stage uses, got idle, which nothing refers to; remove it',
    ]);
  });

  test('a param counts as used wherever it stands: in a condition, a folder, a matrix, a config file', () => {
    const text = `name: p
config: c.yml
params: { if: 1, folder: d, parts: 2, env: x }
stages:
  a: { uses: command, if: params.if > 0, directory: "\${{ params.folder }}/\${{ matrix.n }}", matrix: { n: "1..\${{ params.parts }}" }, with: { run: [x] } }
`;
    expect(planOf(text, {}, { 'configs/c.yml': 'env: { E: "${{ params.env }}" }\n' }).stages[0]?.with['env']).toEqual({
      E: 'x',
    });
  });

  test('a key of `with` that no stage of the pipeline has', () => {
    const text = 'name: p\nwith: { smooth: true }\nstages: { a: { uses: command, with: { run: [x] } } }\n';
    const line =
      'smooth: expected a key of some stage of this pipeline, got "smooth", which is one of merge-results; remove it';
    expect(problemsOf(text)).toEqual([`p.yml:2:9: ${line}`]);
    expect(problemsOf(text.replace('with: { smooth: true }\n', ''), { set: ['with.smooth=true'] })).toEqual([
      `--set with.smooth=true: ${line}`,
    ]);
  });

  test('a config file of a stage without a key for it', () => {
    const text = 'name: p\nstages: { a: { uses: command, config: c.yml, with: { run: [x] } } }\n';
    expect(problemsOf(text, {}, { 'configs/c.yml': 'epochs: 3\n' })).toEqual([
      'p.yml:2:39: stages.a.config: expected a config file with a key of command, got configs/c.yml with none; remove it',
    ]);
    expect(problemsOf(text, {}, { 'configs/c.yml': 'epochs: 3\nenv: {}\n' })).toEqual([]);
  });

  test('a name of the matrix, where the same cell makes the same result', () => {
    const text = training('matrix: { n: 1..2 }');
    expect(problemsOf(text)).toEqual([
      `${placeOf(text, '1..2')}: stages.a.matrix.n: expected cells that differ, got n, which nothing refers to; use \${{ matrix.n }} in with or directory, or remove it`,
    ]);
    expect(problemsOf(command('matrix: { n: 1..2 }'))).toEqual([]);
  });
});

/** Each level of two needs both of the level before. */
const diamond = (at: number): string => {
  const above = 2 * (Math.floor(at / 2) - 1);
  return `  s${at}: { uses: command, needs: [${above < 0 ? '' : `s${above}, s${above + 1}`}], with: { run: [x] } }`;
};

test('a thousand stages in diamonds are compiled in seconds', () => {
  const text = `name: p\nstages:\n${Array.from({ length: 1000 }, (_, at) => diamond(at)).join('\n')}\n`;
  const began = performance.now();
  expect(planOf(text).stages).toHaveLength(1000);
  expect(performance.now() - began).toBeLessThan(20_000);
});
