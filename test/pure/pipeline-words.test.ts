import { describe, expect, test } from 'vitest';
import { kindOf } from '../../pipelines/kinds/catalogue.ts';
import { JsonMap } from '../../artifacts/json.ts';
import { resolve } from '../../plan/references.ts';
import { planOf, problemsOf } from '../support/pipelines.ts';

/** Values that YAML reads as others than they are written, with what it reads. */
const changed = [
  ['3.10', '3.1'],
  ['1.10', '1.1'],
  ['1.0', '1'],
  ['007', '7'],
  ['0755', '755'],
  ['1e3', '1000'],
  ['0x10', '16'],
  ['0o17', '15'],
  ['+5', '5'],
  ['-0', '0'],
  ['.5', '0.5'],
  ['True', 'true'],
  ['FALSE', 'false'],
] as const;
/** Values that arrive as they are written. */
const kept = ['3', '3.1', '0', 'true', '2024-01-01', '1_000', 'yes', '1.2.3', "'3.10'", '"007"'];

const command = (config: string, rest = ''): string => `name: p\n${rest}stages:\n  a: { uses: command, ${config} }\n`;
/** `p.yml:3:37: ` for the place of a text in a pipeline, the last one of several. */
const placeOf = (text: string, what: string): string => {
  const before = text.slice(0, text.lastIndexOf(what)).split('\n');
  return `p.yml:${before.length}:${(before.at(-1) ?? '').length + 1}: `;
};
const quotes = (written: string, read: string): string =>
  `expected a text in quotes, got ${written}, which YAML reads as ${read}; quote it, or write ${read}`;
const from = (param: string, written: string, read: string): string =>
  quotes(`${written} from \${{ params.${param} }}`, read);

const quoted = (written: string, read: string, reference = ''): string =>
  `expected a text in quotes, got ${written}${reference}, which YAML reads as ${read}; quote it for YAML too: '"${written}"', or write ${read}`;
const outer = (params: string, own = ''): string =>
  `name: p\n${own}stages:\n  sub: { uses: pipeline, with: { file: inner.yml, params: ${params} } }\n`;

describe('a word for a program arrives as it is written, or is refused', () => {
  test.each(changed)('%s', (written, read) => {
    const wrong = (text: string, key: string, message: string): void => {
      expect(problemsOf(text)).toEqual([`${placeOf(text, written)}stages.a.${key}: ${message}`]);
    };
    wrong(command(`with: { run: [x, ${written}] }`), 'with.run.1', quotes(written, read));
    wrong(command(`with: { run: [x], env: { V: ${written} } }`), 'with.env.V', quotes(written, read));
    wrong(command(`with: { run: [x] }, directory: ${written}`), 'directory', quotes(written, read));
    const cells = `matrix: { v: [x, ${written}] }, with: { run: ["\${{ matrix.v }}"] }`;
    wrong(command(cells), 'matrix.v.1', quotes(written, read));
    for (const word of ['${{ params.v }}', 'py${{ params.v }}']) {
      const text = command(`with: { run: ["${word}"] }`, `params: { v: ${written} }\n`);
      wrong(text, 'with.run.0', from('v', written, read));
    }
  });

  test.each(kept)('%s', (written) => {
    const text = written.replaceAll(/^['"]|['"]$/g, '');
    const [param, cell] = ['${{ params.v }}', '${{ matrix.v }}'];
    const words = `run: ["${param}", ${written}, "is ${param}"], env: { V: ${written}, M: "is ${cell}" }`;
    const [stage] = planOf(
      command(`matrix: { v: [${written}] }, with: { ${words} }`, `params: { v: ${written} }\n`),
    ).stages;
    const { config } = kindOf('command').taskOf(
      JsonMap.parse(resolve(stage!.with, { matrix: stage!.matrix![0]! })),
      '',
    );
    expect(config).toMatchObject({ run: [text, text, `is ${text}`], env: { V: text, M: `is ${text}` } });
  });
});

test('nothing and ~ are no words', () => {
  expect(problemsOf(command('with: { run: ["is ${{ params.v }}"] }', 'params: { v: ~ }\n'))).toEqual([
    `p.yml:2:14: stages.a.with.run.0: ${from('v', '~', 'null')}`,
  ]);
  expect(problemsOf(command('with: { run: ["is ${{ params.v }}"] }', 'params: { v: }\n'))).toEqual([
    `p.yml:2:11: stages.a.with.run.0: ${from('v', 'nothing', 'null')}`,
  ]);
});

test('numbers stay numbers where a number is wanted, however they are written', () => {
  const training = `name: p
config: [common.yml, train_supernet_models.yml, fashion.yml]
params: { rate: 1e-1, epochs: 1.0 }
stages:
  a:
    uses: train-supernet
    with:
      ground_truth: configs/ground-truth/fashion.json
      epochs: \${{ params.epochs }}
      lr_scheduler: { base_lr: "\${{ params.rate }}", clamp_lr_percent: 0.10 }
`;
  expect(planOf(training).stages[0]?.with).toMatchObject({
    epochs: 1,
    lr_scheduler: { base_lr: 0.1, clamp_lr_percent: 0.1 },
  });
});

test('what --set gives is a word too, and says how to quote it in a shell', () => {
  const text = command('with: { run: ["${{ params.v }}"], env: { A: a } }', 'params: { v: x }\n');
  expect(problemsOf(text, { set: ['v=3.10'] })).toEqual([
    `--set v=3.10: stages.a.with.run.0: ${quoted('3.10', '3.1', ' from ${{ params.v }}')}`,
  ]);
  expect(problemsOf(text, { set: ['stages.a.with.env.A=007'] })).toEqual([
    `--set stages.a.with.env.A=007: stages.a.with.env.A: ${quoted('007', '7')}`,
  ]);
  expect(problemsOf(text, { set: ['with.env={ A: True }'] })).toEqual([
    `--set with.env={ A: True }: stages.a.with.env.A: ${quoted('True', 'true')}`,
  ]);
  expect(planOf(text, { set: ['v="3.10"', "stages.a.with.env.A='007'"] }).stages[0]?.with).toEqual({
    run: ['3.10'],
    env: { A: '007' },
  });
});

test('a map or list in a param is looked into, and a param that a sub-pipeline gets is followed', () => {
  const maps = command('with: { run: [x], env: "${{ params.env }}" }', 'params: { env: { A: 1, B: 007 } }\n');
  expect(problemsOf(maps)).toEqual([`p.yml:2:27: stages.a.with.env.B: ${from('env', '007', '7')}`]);
  const inner = command('with: { run: ["${{ params.w.x }}"] }', 'params: { w: { x: a } }\n');
  const files = { 'inner.yml': inner };
  expect(problemsOf(outer('{ w: { x: 3.10 } }'), {}, files)).toEqual([
    `p.yml:3:61: stages.a.with.run.0: ${from('w.x', '3.10', '3.1')}`,
  ]);
  expect(problemsOf(outer('{ w: "${{ params.w }}" }', 'params: { w: { x: 3.10 } }\n'), {}, files)).toEqual([
    `p.yml:4:64: stages.a.with.run.0: ${from('w.x', '3.10', '3.1')}`,
  ]);
  expect(problemsOf(outer('{ w: { x: "3.10" } }'), {}, files)).toEqual([]);
});

test('names are taken as they are written', () => {
  const text = `name: p
stages:
  007: { uses: command, with: { run: [x], outputs: { 1.10: y }, env: { True: z } } }
  b: { uses: command, needs: "007", with: { run: ["\${{ stages.007.files.y.file }}"] } }
`;
  expect(problemsOf(text)).toEqual([
    'p.yml:3:54: stages.007.with.outputs.1.10: expected a name of letters, digits, _ and -, got "y"; correct it',
  ]);
  const { stages } = planOf(text.replace('1.10: y', 'y: y'));
  expect(stages.map(({ id, directory }) => [id, directory])).toEqual([
    ['007', '007'],
    ['b', 'b'],
  ]);
  expect(stages[0]?.with['env']).toEqual({ True: 'z' });
});

test('a range counts, so its ends have no zeros before them', () => {
  expect(problemsOf(command('matrix: { v: 01..08 }, with: { run: ["${{ matrix.v }}"] }'))).toEqual([
    'p.yml:3:36: stages.a.matrix.v: expected a range of numbers such as 1..8, got "01..08"; list the texts, each in quotes',
  ]);
});

test('a number where a name is wanted is to be quoted', () => {
  expect(problemsOf(command('queue: 7, with: { run: [x] }'))).toEqual([
    'p.yml:3:30: stages.a.queue: expected a text, got 7; quote it',
  ]);
});
