import { expect, test } from 'vitest';
import { isObject, memberOf, valueAt, withValueAt } from '../../plan/json.ts';

const config = { list: [10, { key: null }], map: { 0: 'zero' }, text: 'abc' };

test('maps alone are maps', () => {
  expect([{}, config].every(isObject)).toBe(true);
  expect([[], null, undefined, 0, 'abc', true].some(isObject)).toBe(false);
});

test('a name finds what a map has of its own, a number what a list has, and nothing is found in anything else', () => {
  expect(memberOf(config, 'text')).toBe('abc');
  expect(memberOf(config.map, '0')).toBe('zero');
  expect(memberOf(config.list, '0')).toBe(10);
  expect(
    memberOf(
      Array.from({ length: 12 }, (_, at) => at),
      '11',
    ),
  ).toBe(11);
  for (const name of ['2', '-1', 'x', '1e0', '+1', 'length', ''])
    expect(memberOf(config.list, name), name).toBeUndefined();
  for (const name of ['other', 'constructor', 'toString']) expect(memberOf(config, name), name).toBeUndefined();
  for (const scalar of [null, true, 3, 'abc']) expect(memberOf(scalar, '0')).toBeUndefined();
});

test('a path walks into maps and lists, and ends where there is nothing', () => {
  expect(valueAt(config, [])).toBe(config);
  expect(valueAt(config, ['list', 1, 'key'])).toBeNull();
  expect(valueAt(config, ['list', '1', 'key', 'further'])).toBeUndefined();
  expect(valueAt(config, ['no', 'way'])).toBeUndefined();
});

test('a value is put at a path: maps that are missing are made, lists keep their length, and what was there stays as it is', () => {
  const before = structuredClone(config);
  expect(withValueAt(config, [], 1)).toBe(1);
  expect(withValueAt(config, ['text'], [1])).toEqual({ ...config, text: [1] });
  expect(withValueAt(config, ['list', '1', 'key'], 5)).toEqual({ ...config, list: [10, { key: 5 }] });
  expect(withValueAt(config, ['list', '2'], 5)).toEqual(config);
  expect(withValueAt(config, ['new', 'one'], 5)).toEqual({ ...config, new: { one: 5 } });
  expect(withValueAt(config, ['text', 'one'], 5)).toEqual({ ...config, text: { one: 5 } });
  expect(withValueAt(undefined, ['one'], 5)).toEqual({ one: 5 });
  expect(config).toEqual(before);
});
