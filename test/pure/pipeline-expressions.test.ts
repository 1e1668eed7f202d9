import { describe, expect, test } from 'vitest';
import { holds, parseCondition } from '../../plan/conditions.ts';
import type { NeedState } from '../../plan/conditions.ts';
import { isReference, parseReference, references, resolve } from '../../plan/references.ts';
import type { Json } from '../../plan/json.ts';

const scope = {
  params: { k: 3, word: 'a', map: { x: [10, 20] } },
  matrix: { part: 2 },
  stages: {
    'one-shot': { selected: { tau: 0.6, epoch: 7 } },
    evaluate: { part: [{ file: 'a' }, { file: 'b' }] },
    gone: null,
    bare: {},
    many: Object.fromEntries(Array.from('abcdefghij', (name) => [name, 1])),
  },
};

describe('a reference', () => {
  test.each<[Json, Json]>([
    ['${{ params.k }}', 3],
    ['${{params.map}}', { x: [10, 20] }],
    ['${{ params.map.x.1 }}', 20],
    ['k${{ params.k }}-${{ matrix.part }}', 'k3-2'],
    ['${{ stages.one-shot.selected.tau }}', 0.6],
    ['${{ stages.evaluate.part.1.file }}', 'b'],
    ['${{ stages.gone.selected.tau }}', null],
    [
      { a: ['${{ params.word }}', 1], b: { c: 'x' } },
      { a: ['a', 1], b: { c: 'x' } },
    ],
    ['no ${ reference } here', 'no ${ reference } here'],
    ['  ${{  params.k  }}  ', 3],
    ['a ${{ stages.gone.x }}, ${{ params.map.x.0 }}', 'a null, 10'],
    [
      [null, true, 1.5],
      [null, true, 1.5],
    ],
  ])('%j is %j', (written, value) => {
    expect(resolve(written, scope)).toEqual(value);
  });

  test('stays as it is where its scope is not given, or its param is decided later', () => {
    const written = ['${{ stages.a.x }}', '${{ matrix.part }}-${{ params.k }}'];
    expect(resolve(written, { params: { k: 3 } })).toEqual(['${{ stages.a.x }}', '${{ matrix.part }}-3']);
    expect(resolve(written, { params: { k: 3 }, matrix: { part: 1 } }, new Set(['k']))).toEqual([
      '${{ stages.a.x }}',
      '1-${{ params.k }}',
    ]);
    // A param that is decided later is none of the matrix, whatever its name.
    expect(resolve('${{ matrix.k }}', { params: {}, matrix: { k: 1 } }, new Set(['k']))).toBe(1);
  });

  test.each<[string, string | RegExp]>([
    ['${{ params.no }}', 'params.no: there is no "no"; there are k, word, map'],
    ['${{ params.map.y }}', 'params.map.y: there is no "y"; there are x'],
    ['${{ params.constructor }}', 'params.constructor: there is no "constructor"; there are k, word, map'],
    ['a ${{ params.map }}', 'params.map: expected a number, text or truth value inside a text, got a list or map'],
    ['${{ secrets.x }}', 'expected params.…, matrix.… or stages.… in ${{ }}, got "secrets.x"'],
    ['${{ stages.one-shot }}', 'expected stages.<id>.<output>, got "stages.one-shot"'],
    ['${{ params.a b }}', 'expected params.<name>, got "params.a b"'],
    ['${{ matrix }}', 'expected matrix.<name>, got "matrix"'],
    ['${{ params.-a }}', 'expected params.<name>, got "params.-a"'],
    ['${{ params.k. }}', 'expected params.<name>, got "params.k."'],
    ['${{ matrix.part.0 }}', /^matrix.part.0: there is no "0"$/],
    ['${{ params.map.x.2 }}', /^params.map.x.2: there is no "2"; there are 0, 1$/],
    ['${{ stages.bare.x }}', /^stages.bare.x: there is no "x"; there are none$/],
    ['${{ stages.many.x }}', /; there are a, b, c, d, e, f, g, h$/],
  ])('%s is refused', (written, message) => {
    expect(() => resolve(written, scope)).toThrow(message);
  });

  test('is found wherever it stands, and an open one is refused', () => {
    expect(
      references({ a: ['${{ params.k }} ${{ matrix.part }}'], b: '${{ stages.x.y }}' }).map(({ text }) => text),
    ).toEqual(['params.k', 'matrix.part', 'stages.x.y']);
    expect(() => references('${{ params.k')).toThrow('expected }} after ${{, got none');
  });

  test('is told from a text that has one, and stands as a person would write it', () => {
    expect(['${{ params.k }}', ' ${{params.k}}\n'].every(isReference)).toBe(true);
    expect(['params.k', 'a ${{ params.k }}', '${{ params.k }} a', '${{ a }}${{ b }}'].some(isReference)).toBe(false);
    expect(parseReference(' stages.one-shot.x_1.0 ')).toEqual({
      scope: 'stages',
      path: ['one-shot', 'x_1', '0'],
      text: 'stages.one-shot.x_1.0',
    });
    expect(references([null, 3, { a: null, b: ['${{ params.k }}'] }]).map(({ path }) => path)).toEqual([['k']]);
  });

  test('takes linear time, however many braces', () => {
    expect(() => references('${{'.repeat(300_000))).toThrow('expected }}');
  });
});

describe('a condition', () => {
  const done: NeedState[] = ['done', 'done'];
  const skipped: NeedState[] = ['done', 'skipped'];
  const failed: NeedState[] = ['done', 'failed'];

  test.each<[string | null, NeedState[], boolean]>([
    [null, done, true],
    [null, skipped, false],
    [null, failed, false],
    ['stages.one-shot.selected.tau > 0.5', done, true],
    ['stages.one-shot.selected.tau > 0.5', failed, false],
    ['${{ stages.one-shot.selected.tau >= 0.6 && params.k == 3 }}', done, true],
    ["params.word == 'a' && !(params.k < 3)", done, true],
    ["params.word != 'a' || params.k <= 2", done, false],
    ['!failure()', skipped, true],
    ['!failure()', failed, false],
    ['success() || failure()', failed, true],
    ['failure() && true', failed, true],
    ['stages.gone.selected.tau > 0', done, false],
    ['stages.gone.selected == null', done, true],
    ['params.map', done, true],
    ['null || 0', done, false],
    ['-1 < 1e3', done, true],
    ['true || false && false', done, true],
    ['12 == 12.0 && 1.25 == 125e-2', done, true],
    ['-12<-1.5&&15e10 == 1.5E+11', done, true],
    ["'a b ' == 'a b '", done, true],
    ['  ${{true\n  &&  true}}\n ', done, true],
    ['  true  ', done, true],
    [`${'!'.repeat(499)}0`, done, true],
  ])('%s with needs %j: %j', (condition, needs, result) => {
    expect(holds(condition, scope, needs)).toBe(result);
  });

  test.each([
    ['', 'expected a value in the condition, got its end'],
    ['params.k >', 'expected a value in the condition, got its end'],
    ['(params.k', 'expected ) in the condition, got its end'],
    ['params.k params.k', 'expected the end of the condition, got "params.k"'],
    ['params.k = 3', 'expected a condition, got "= 3"'],
    ['k == 3', 'expected params.…, matrix.… or stages.… in ${{ }}, got "k"'],
    ['process.exit()', 'expected params.…, matrix.… or stages.… in ${{ }}, got "process.exit"'],
    ['!'.repeat(501), 'expected a condition of at most 500 characters, got 501'],
    ['constructor', 'expected params.…, matrix.… or stages.… in ${{ }}, got "constructor"'],
    [')', 'expected a value in the condition, got ")"'],
    ["(true ')'", 'expected ) in the condition, got its end'],
    ["params.word '==' 'a'", 'expected the end of the condition, got "=="'],
    ['true ${{ true }}', 'expected a condition, got "${{ true }}"'],
    ['${{ true }} true', 'expected a condition, got "${{ true }} true"'],
    [`true   ${'€'.repeat(50)}`, `expected a condition, got "${'€'.repeat(40)}"`],
    ['true | false', 'expected a condition, got "| false"'],
    ["'a", 'expected a condition, got "\'a"'],
    ['_x', 'expected a condition, got "_x"'],
    ['12a', 'expected a condition, got "12a"'],
    ['1.2.3', 'expected a condition, got "1.2.3"'],
    ['1-2', 'expected a condition, got "1-2"'],
  ])('%j is refused', (condition, message) => {
    expect(() => parseCondition(condition)).toThrow(message);
  });
});
