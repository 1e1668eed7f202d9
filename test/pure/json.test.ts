import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonMap, JsonValue } from '../../artifacts/json.ts';

const refused = /expected another name as key, got \\"__proto__\\"/;

test('all of a JSON value is kept', () => {
  const json = fc.jsonValue().map((value) => JSON.stringify(value));
  fc.assert(
    fc.property(json, (text) => {
      if (text.includes('"__proto__":')) expect(() => JsonValue.parse(JSON.parse(text))).toThrow(refused);
      else expect(JSON.stringify(JsonValue.parse(JSON.parse(text)))).toBe(text);
    }),
  );
});

test.each(['{"__proto__":1}', '{"a":{"__proto__":{}}}', '{"a":[1,{"b":{"__proto__":1}}]}'])(
  'a key that would be lost is refused, wherever it is: %s',
  (text) => {
    expect(() => JsonMap.parse(JSON.parse(text))).toThrow(refused);
    expect(() => JsonValue.parse(JSON.parse(text))).toThrow(refused);
  },
);

test('what is no map is refused as such', () => {
  for (const value of [[], 1, null, 'a', undefined]) expect(() => JsonMap.parse(value)).toThrow(/expected record/);
});
