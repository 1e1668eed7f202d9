import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { conditionReferences, holds, namesStatus, parseCondition } from '../../plan/conditions.ts';
import type { NeedState } from '../../plan/conditions.ts';
import type { Json } from '../../plan/json.ts';

// Conditions made at random, with what they mean beside what is written.

const params: Record<string, Json> = {
  n: 3,
  zero: 0,
  word: 'a',
  empty: '',
  yes: true,
  no: false,
  nothing: null,
  list: [0],
};
type Value = (needs: readonly NeedState[]) => Json;

interface Written {
  readonly text: string;
  readonly value: Value;
  /** How tightly it holds together: 3 a value, 2 a comparison, 1 `&&`, 0 `||`. */
  readonly level: number;
  readonly namesAStatus: boolean;
}

/** The text where something of that level is wanted; sometimes in parentheses that it does not need. */
function inside({ text, level }: Written, wanted: number, isCareful: boolean): string {
  return level < wanted || isCareful ? `(${text})` : text;
}

const isTrue = (value: Json): boolean => ![null, false, 0, ''].some((other) => other === value);

const COMPARE: Readonly<Record<string, (a: Json, b: Json) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => typeof a === 'number' && typeof b === 'number' && a < b,
  '<=': (a, b) => typeof a === 'number' && typeof b === 'number' && a <= b,
  '>': (a, b) => typeof a === 'number' && typeof b === 'number' && a > b,
  '>=': (a, b) => typeof a === 'number' && typeof b === 'number' && a >= b,
};

const plain = (text: string, value: Json): Written => ({ text, value: () => value, level: 3, namesAStatus: false });
const operand: fc.Arbitrary<Written> = fc.oneof(
  fc.constantFrom(...Object.entries(params)).map(([name, value]) => plain(`params.${name}`, value)),
  fc.constantFrom(-1.5, 0, 3, 1000).map((value) => plain(value === 1000 ? '1e3' : String(value), value)),
  fc.constantFrom('a', '', 'b & c').map((value) => plain(`'${value}'`, value)),
  fc.constantFrom(true, false, null).map((value) => plain(String(value), value)),
  fc.constant<Written>({
    text: 'success()',
    value: (needs) => needs.every((state) => state === 'done'),
    level: 3,
    namesAStatus: true,
  }),
  fc.constant<Written>({ text: 'failure()', value: (needs) => needs.includes('failed'), level: 3, namesAStatus: true }),
);

const { condition } = fc.letrec<{ condition: Written }>((tie) => {
  const two = (of: (a: Written, b: Written, isCareful: boolean) => Omit<Written, 'namesAStatus'>) =>
    fc
      .tuple(tie('condition'), tie('condition'), fc.boolean())
      .map(([a, b, isCareful]) => ({ ...of(a, b, isCareful), namesAStatus: a.namesAStatus || b.namesAStatus }));
  return {
    condition: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'condition' },
      operand,
      tie('condition').map((a) => ({
        ...a,
        text: `!${inside(a, 2, false)}`,
        value: (needs: readonly NeedState[]) => !isTrue(a.value(needs)),
        level: 2,
      })),
      fc.constantFrom(...Object.keys(COMPARE)).chain((sign) =>
        two((a, b, isCareful) => ({
          text: `${inside(a, 3, isCareful)} ${sign} ${inside(b, 3, false)}`,
          value: (needs) => COMPARE[sign]!(a.value(needs), b.value(needs)),
          level: 2,
        })),
      ),
      two((a, b, isCareful) => ({
        text: `${inside(a, 1, isCareful)} && ${inside(b, 2, false)}`,
        value: (needs) => isTrue(a.value(needs)) && isTrue(b.value(needs)),
        level: 1,
      })),
      two((a, b, isCareful) => ({
        text: `${inside(a, 0, isCareful)} || ${inside(b, 1, false)}`,
        value: (needs) => isTrue(a.value(needs)) || isTrue(b.value(needs)),
        level: 0,
      })),
    ),
  };
});

const needs = fc.array(fc.constantFrom<NeedState>('done', 'skipped', 'failed'), { maxLength: 3 });

test('a condition means what is written, by the grammar of its text', () => {
  fc.assert(
    fc.property(condition, needs, fc.boolean(), ({ text, value, namesAStatus }, ended, isMarked) => {
      fc.pre(text.length <= 480);
      const isWanted = isTrue(value(ended)) && (namesAStatus || ended.every((state) => state === 'done'));
      expect(holds(isMarked ? `\${{ ${text} }}` : text, { params }, ended), text).toBe(isWanted);
    }),
    { numRuns: 1000 },
  );
});

test('numbers are compared on both sides of where they are equal, and nothing else has an order', () => {
  const signs = ['==', '!=', '<', '<=', '>', '>='];
  const seen = (left: string, right: string): boolean[] =>
    signs.map((sign) => holds(`${left} ${sign} ${right}`, { params }, []));
  expect(seen('2', 'params.n')).toEqual([false, true, true, true, false, false]);
  expect(seen('3', 'params.n')).toEqual([true, false, false, true, false, true]);
  expect(seen('4', 'params.n')).toEqual([false, true, false, false, true, true]);
  expect(seen("'a'", 'params.word')).toEqual([true, false, false, false, false, false]);
  expect(seen('null', 'params.nothing')).toEqual([true, false, false, false, false, false]);
});

/** The references of a condition, and whether it asks for success or failure. */
function askedBy(text: string): unknown[] {
  const parsed = parseCondition(text);
  return [
    conditionReferences(parsed).map((reference) => reference.text),
    namesStatus(parsed, 'success'),
    namesStatus(parsed, 'failure'),
  ];
}

test('every reference of a condition is found, and whether it asks how its needs ended', () => {
  expect(askedBy("!params.a == 'params.b' || (stages.c.d < 3 && 1 != matrix.e)")).toEqual([
    ['params.a', 'stages.c.d', 'matrix.e'],
    true,
    false,
  ]);
  expect(askedBy('!!failure()')).toEqual([[], false, true]);
  expect(askedBy('params.a && failure()')).toEqual([['params.a'], false, true]);
  expect(askedBy('(success() || params.a) == true')).toEqual([['params.a'], true, false]);
  expect(askedBy('failure() != success()')).toEqual([[], true, true]);
});
