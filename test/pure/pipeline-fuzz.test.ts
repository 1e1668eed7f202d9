import * as fc from 'fast-check';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compilePipeline } from '../../pipelines/compile.ts';
import { parseSettings } from '../../pipelines/layers.ts';
import { PipelineError, problemText } from '../../pipelines/problems.ts';
import { projectRoot } from '../../runtime/layout.ts';
import { Project } from '../../pipelines/project.ts';
import { readYaml } from '../../pipelines/yaml.ts';
import { parseCondition } from '../../plan/conditions.ts';
import { ExpressionError, resolve } from '../../plan/references.ts';
import { isLong } from '../support/long.ts';

const project = new Project();

/** As the loader does, without the file: a plan or what is wrong. */
function planOrProblems(text: string, flags: readonly string[] = []): boolean {
  const settings = parseSettings(flags);
  const { source, problems } = readYaml('p.yml', text);
  const compiled = source
    ? compilePipeline(source, { project, id: 'run', settings, files: ['p.yml'], deferred: {} })
    : null;
  const all = [...settings.problems, ...problems, ...(compiled?.problems ?? [])];
  expect(all.length > 0).toBe(settings.problems.length > 0 || !compiled?.plan);
  for (const line of new PipelineError(all).problems.map(problemText)) expect(line).toMatch(/: expected [^]*[,;]/);
  return all.length === 0;
}

const shipped = ['fashion-standalone.yml', 'standalone.yml'].map((name) =>
  readFileSync(path.join(projectRoot, 'pipelines', name), 'utf8'),
);
const words = [
  'stages',
  'with',
  'uses',
  'needs',
  'matrix',
  'if',
  'select',
  'params',
  'run',
  'a',
  'b',
  'train-supernet',
  'command',
  'pipeline',
  '${{ params.a }}',
  '${{ stages.a.files }}',
  '${{ matrix.a }}',
  '1..3',
  '..',
  '__proto__',
  'constructor',
  'fashion',
  'max',
  '5m',
];
const word = fc.constantFrom(...words);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    word,
    fc.integer({ min: -2, max: 9 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(word, tie('value'), { maxKeys: 4 }),
  ),
})).value;

describe('no input makes the loader crash: it gives a plan, or problems with a remedy', () => {
  test('any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void planOrProblems(text)),
      { numRuns: 500 },
    );
  });

  test('any structure out of our own words', () => {
    const pipeline = fc.record(
      {
        name: word,
        params: json,
        config: json,
        with: json,
        stages: fc.dictionary(
          word,
          fc.record(
            {
              uses: word,
              needs: json,
              with: json,
              matrix: json,
              directory: json,
              if: json,
              select: json,
              retry: json,
              timeout: json,
            },
            { requiredKeys: ['uses'] },
          ),
          { maxKeys: 3 },
        ),
      },
      { requiredKeys: ['name', 'stages'] },
    );
    fc.assert(
      fc.property(pipeline, (value) => void planOrProblems(JSON.stringify(value))),
      { numRuns: isLong ? 5000 : 500 },
    );
  });

  test('a pipeline of ours with a line lost, doubled or garbled', () => {
    const change = fc.record({
      text: fc.constantFrom(...shipped),
      at: fc.nat(60),
      how: fc.constantFrom('lose', 'double', 'cut', 'replace'),
      word,
    });
    fc.assert(
      fc.property(change, ({ text, at, how, word: other }) => {
        const lines = text.split('\n');
        const line = lines[at % lines.length] ?? '';
        const made = {
          lose: [],
          double: [line, line],
          cut: [line.slice(0, line.length / 2)],
          replace: [line.replace(/[\w-]+$/, other)],
        }[how];
        planOrProblems(lines.toSpliced(at % lines.length, 1, ...made).join('\n'));
      }),
      { numRuns: isLong ? 1000 : 100 },
    );
  });

  test('any flag', () => {
    const text = 'name: p\nparams: { a: 1 }\nstages: { b: { uses: command, with: { run: ["${{ params.a }}"] } } }';
    const flag = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.tuple(fc.constantFrom('a=', 'stages.b.with.', 'stages.'), fc.string()).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(flag, (set) => void planOrProblems(text, [set])),
      { numRuns: 500 },
    );
  });

  test('any expression', () => {
    const piece = fc.constantFrom(
      '${{',
      '}}',
      'params.',
      'a',
      '.',
      ' ',
      '&&',
      '!',
      '(',
      ')',
      "'",
      '==',
      'success()',
      '1',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        for (const run of [
          () => resolve(pieces.join(''), { params: { a: 1 } }),
          () => parseCondition(pieces.join('')),
        ]) {
          try {
            run();
          } catch (error) {
            expect(error).toBeInstanceOf(ExpressionError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
