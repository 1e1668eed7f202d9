import { describe, expect, test } from 'vitest';
import { ArchCodeError } from '../../nas/space/arch-code.ts';
import { SubnetListError, parseSubnetList } from '../../nas/space/subnet-list.ts';
import { committedSpace, configText } from '../support/spaces.ts';

const space = committedSpace('imagenet');
const one = '1252233313000000223212122253130000000000006515000000';
const two = '1447233323333300331313230025153545153545003252000000';

describe('a list of subnets', () => {
  test("is the competition's 45,000, line N being archN", () => {
    const list = parseSubnetList(space, configText('subnets/cvpr2022-track1.txt'), 'x.txt');
    expect(list).toHaveLength(45_000);
    expect(list[0]).toMatchObject({ id: 'arch1', code: one, accuracy: null });
    expect(list[44_999]).toMatchObject({
      id: 'arch45000',
      code: '1553523222222232122222121255553500000000004343334343',
    });
  });

  test('is the 30 of the ground truth with their accuracies', () => {
    const list = parseSubnetList(space, configText('ground-truth/cvpr2022-track1.json'), 'x.json');
    expect(list).toHaveLength(30);
    expect(list[0]).toMatchObject({ id: 'arch1', code: one, accuracy: 70.4 });
    expect(list[0]!.subnet.stem).toBe(56);
  });

  test('is the same in either form', () => {
    const json = JSON.stringify({ arch1: { arch: one }, arch2: { arch: two } });
    expect(parseSubnetList(space, json, 'x.json')).toEqual(parseSubnetList(space, `${one}\r\n${two}\n\n`, 'x.txt'));
  });

  test('may have spaces around it and around its codes, and accuracies or none', () => {
    const lines = parseSubnetList(space, `  ${one} \n\t${two}\n  \n\t\n`, 'x.txt');
    expect(lines.map(({ id, code }) => [id, code])).toEqual([
      ['arch1', one],
      ['arch2', two],
    ]);
    const json = `\n {"arch12": {"arch": "${one}", "acc": null}, "arch90": {"arch": "${two}", "acc": 0}}`;
    expect(parseSubnetList(space, json, 'x.json').map(({ id, accuracy }) => [id, accuracy])).toEqual([
      ['arch12', null],
      ['arch90', 0],
    ]);
  });

  test.each<readonly [string, string, string | RegExp]>([
    ...['arch0', 'arch01', 'xarch1', 'arch1x', 'arch', 'archx'].map(
      (key) => ['another key', `{"${key}": {"arch": "${one}"}}`, `x: ${key}: expected a key archN`] as const,
    ),
    ...['null', '3', '["a"]'].map(
      (value) => ['no map', `{"arch1": ${value}}`, `"acc": a number}, got ${value}`] as const,
    ),
    ['a long value', `{"arch1": {"arch": [${'1,'.repeat(99)}1]}}`, new RegExp(`got {"arch":${'.'.repeat(72)}$`)],
    ['a long accuracy', `{"arch1": {"arch": "${one}", "acc": [${'1,'.repeat(99)}1]}}`, /got .{80}$/],
    [
      'a bad code',
      `${one}\n${two.replace('1447', '1947')}`,
      /^x:2: arch code "1947.*": digit \[1\]: expected a depth 2\.\.5.*\(space imagenet\)$/,
    ],
    ['an empty line inside', `${one}\n\n${two}`, /^x:2: arch code "": digit \[0\]: expected 52 digits/],
    ['a code twice', `${one}\n${two}\n${one}`, `x:3: expected each arch code once, got ${one} of x:1 again`],
    ['nothing', '\n', 'x: expected at least one arch code, got none'],
    ['no JSON', '{"arch1": ', /^x: expected JSON, got SyntaxError/],
    ['an empty object', '{}', 'x: expected at least one arch code, got none'],
    ['a foreign key', '{"net1": {}}', 'x: net1: expected a key archN, N = 1, 2, …'],
    ['no arch', '{"arch1": {"acc": 3}}', 'x: arch1: expected {"arch": "an arch code", "acc": a number}, got {"acc":3}'],
    [
      'an accuracy of another type',
      `{"arch1": {"arch": "${one}", "acc": "70"}}`,
      'x: arch1.acc: expected a number, got "70"',
    ],
    ['a bad code in JSON', '{"arch1": {"arch": "12"}}', /^x: arch1: arch code "12": digit \[2\]: expected 52 digits/],
  ])('with %s is refused by line or key', (_, text, message) => {
    expect(() => parseSubnetList(space, text, 'x')).toThrow(SubnetListError);
    expect(() => parseSubnetList(space, text, 'x')).toThrow(message);
  });

  test.each([
    ['no JSON', '{"arch1": ', SyntaxError],
    ['a bad code', '12', ArchCodeError],
  ])('with %s tells what it was refused for as its cause', (_, text, cause) => {
    const refused = expect.objectContaining({ cause: expect.any(cause) });
    expect(() => parseSubnetList(space, text, 'x')).toThrow(refused);
  });
});
