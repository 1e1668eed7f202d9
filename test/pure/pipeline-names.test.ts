import { describe, expect, test } from 'vitest';
import { nearest } from '../../pipelines/problems.ts';
import { problemsOf } from '../support/pipelines.ts';

/** A pipeline of `command` stages and whatever else is under test. */
const pipeline = (stages: string, top = ''): string => `name: p\n${top}stages:\n${stages}`;
const training = `name: p
config: [common.yml, train_supernet_models.yml, fashion.yml]
with: { ground_truth: configs/ground-truth/cvpr2022-track1.json }
stages:
`;

describe('a file that is no pipeline', () => {
  test.each([
    [
      'a: [1,',
      'p.yml:1:7: expected YAML, got an error: unexpected end of the stream within a flow collection; correct the file',
    ],
    ['', 'p.yml: expected one YAML document, got none; correct the file'],
    ['a: 1\n---\nb: 2', 'p.yml: expected one YAML document, got several; correct the file'],
    [
      'a: &x 1\nb: *x',
      'p.yml:1:5: a: expected a value, got an anchor or alias; write the value out, or use ${{ params.… }}',
    ],
    ['a: !!str 1', 'p.yml:1:4: a: expected a plain value, got a YAML tag; leave the tag out'],
    ['name: p\nname: q', 'p.yml:2:1: name: expected each name once, got it twice; remove one'],
    ['? [a]\n: b', 'p.yml:1:3: expected a name as key, got a map, list or alias; write a name'],
    ['a: { __proto__: 1 }', 'p.yml:1:6: a.__proto__: expected a name as key, got "__proto__"; write a name'],
    [
      'a: .inf',
      'p.yml:1:4: a: expected a number that can be kept exactly, got Infinity; put it in quotes if it is a text',
    ],
    ['[1]', 'p.yml:1:1: expected a map with name and stages, got none; write one'],
  ])('%j is refused with its position', (text, message) => {
    expect(problemsOf(text)[0]).toBe(message);
  });

  test('of more than 1 MiB is refused unread', () => {
    expect(problemsOf(`# ${'x'.repeat(1024 * 1024)}`)).toEqual([
      'p.yml: expected a pipeline file of at most 1 MiB, got 1048578 bytes; correct the path',
    ]);
  });

  test('of more than 20,000 names and values is refused', () => {
    expect(problemsOf(`a: [${'1,'.repeat(30_000)}]`)).toEqual([
      'p.yml: expected at most 20000 names and values, got 30007; split the file',
    ]);
  });

  test('with a thousand nested lists or a bomb of aliases is refused at once', () => {
    expect(problemsOf(`a: ${'['.repeat(1000)}`)[0]).toMatch(/^p\.yml:1:\d+: expected YAML, got an error: /);
    const bomb = ['a: &a [x, x]', ...Array.from({ length: 40 }, (_, i) => `b${i}: &b${i} [*a, *a]`)].join('\n');
    expect(problemsOf(bomb)[0]).toContain('got an anchor or alias');
  });
});

test('of many names that a wrong one could have meant forty are told', () => {
  const names = Array.from({ length: 41 }, (_, at) => `name-${at}`);
  expect(nearest('else', names)).toBe(`; known: ${names.slice(0, 40).join(', ')}`);
  expect(nearest('nam-40', names)).toBe('; did you mean name-40?');
  expect(nearest('else', [])).toBe('; there is none');
});

describe('names that nothing answers to', () => {
  test.each([
    [
      'an unknown key',
      pipeline('  a: { uses: command, with: { run: [x] }, nedes: [] }', 'parms: {}\n'),
      [
        'p.yml:2:1: parms: expected a known name, got "parms"; did you mean params?',
        'p.yml:4:43: stages.a.nedes: expected a known name, got "nedes"; did you mean needs?',
      ],
    ],
    [
      'an unknown key of a kind',
      pipeline('  a: { uses: command, with: { run: [x], envy: {} } }'),
      ['p.yml:3:41: stages.a.with.envy: expected a known name, got "envy"; did you mean env?'],
    ],
    [
      'an unknown key deep inside',
      `${training}  one-shot: { uses: train-supernet, with: { optimizer: { momentun: 0.9 } } }`,
      [
        'p.yml:5:58: stages.one-shot.with.optimizer.momentun: expected a known name, got "momentun"; did you mean momentum?',
      ],
    ],
    [
      'an unknown kind',
      pipeline('  a: { uses: comand }'),
      ['p.yml:3:14: stages.a.uses: expected a kind of stage, got "comand"; did you mean command?'],
    ],
    [
      'an unknown need',
      pipeline('  a: { uses: command, with: { run: [x] } }\n  b: { uses: command, needs: [aa], with: { run: [x] } }'),
      ['p.yml:4:31: stages.b.needs.0: expected a stage of this file, got aa; did you mean a?'],
    ],
    [
      'an unknown param',
      pipeline('  a: { uses: command, with: { run: ["${{ params.epoch }}"] } }', 'params: { epochs: 1 }\n'),
      ['p.yml:4:37: stages.a.with.run.0: expected a param of this file, got ${{ params.epoch }}; did you mean epochs?'],
    ],
    [
      'an unknown stage',
      pipeline('  a: { uses: command, with: { run: ["${{ stages.b.files }}"] } }'),
      ['p.yml:3:37: stages.a.with.run.0: expected a stage of this file, got ${{ stages.b.files }}; did you mean a?'],
    ],
    [
      'an unknown output',
      pipeline(
        '  a: { uses: command, with: { run: [x] } }\n  b: { uses: command, needs: a, with: { run: ["${{ stages.a.file }}"] } }',
      ),
      ['p.yml:4:47: stages.b.with.run.0: expected an output of a, got ${{ stages.a.file }}; did you mean files?'],
    ],
    [
      'an unknown name of the matrix',
      pipeline('  a: { uses: command, matrix: { part: 1..2 }, with: { run: ["${{ matrix.parts }}"] } }'),
      ['p.yml:3:61: stages.a.with.run.0: expected a name of the matrix, got ${{ matrix.parts }}; did you mean part?'],
    ],
    [
      'a matrix where there is none',
      pipeline('  a: { uses: command, with: { run: ["${{ matrix.part }}"] } }'),
      [
        'p.yml:3:37: stages.a.with.run.0: expected a stage with a matrix, got ${{ matrix.part }} in one without; add matrix: {part: …}',
      ],
    ],
    [
      'an unknown space',
      `${training}  one-shot: { uses: train-supernet, with: { space: fasion } }`,
      [
        'p.yml:5:52: stages.one-shot.with.space: expected a name of configs/spaces, got "fasion"; did you mean fashion?',
      ],
    ],
    [
      'a missing file',
      `${training}  one-shot: { uses: train-supernet, with: { ground_truth: no.json } }`,
      ['p.yml:5:59: stages.one-shot.with.ground_truth: expected a file, got none at "no.json"; correct the path'],
    ],
    [
      'a missing file deep in a map',
      pipeline(
        '  a: { uses: merge-results, with: { parts: [null], smooth: false, fit: { supernet: null, ground_truth: no.json } } }',
      ),
      [
        'p.yml:3:84: stages.a.with.fit.supernet: expected a map, got null; correct it',
        'p.yml:3:104: stages.a.with.fit.ground_truth: expected a file, got none at "no.json"; correct the path',
      ],
    ],
    [
      'a file outside the project',
      `${training}  one-shot: { uses: train-supernet, with: { ground_truth: ../x.json } }`,
      [
        'p.yml:5:59: stages.one-shot.with.ground_truth: expected a path below the project folder, got "../x.json"; write it relative to that, without ..',
      ],
    ],
    [
      'a missing config',
      pipeline('  a: { uses: command, with: { run: [x] } }', 'config: none.yml\n'),
      ['p.yml:2:9: config: expected a file, got none at "configs/none.yml"; correct the path'],
    ],
  ])('%s', (_, text, lines) => {
    expect(problemsOf(text)).toEqual(lines);
  });
});
