import { describe, expect, test } from 'vitest';
import { SpaceError, parseSpace } from '../../configs/space-schema.ts';
import { configText } from '../support/spaces.ts';

const text = configText('spaces/fashion.yml');

/** The lines of the error that a changed file gives. */
function refusal(changed: string): string[] {
  try {
    parseSpace(changed, 'x.yml');
  } catch (error) {
    if (error instanceof SpaceError) return error.message.split('\n');
  }
  throw new Error('it was not refused as a space');
}

describe('a space file', () => {
  test.each(['imagenet', 'fashion', 'fashion-wide'])('%s.yml is committed and good', (name) => {
    expect(parseSpace(configText(`spaces/${name}.yml`), name)).toMatchObject({ name });
  });

  test('says all that is wrong at once, by key', () => {
    const changed = text
      .replace('kernel: 3', 'kernel: 4')
      .replace('stride: 1, depth: [2, 5]', 'stride: 3, depth: [5, 2]')
      .replace('divisor: 1', 'divisor: none');
    expect(refusal(changed).toSorted()).toEqual([
      'x.yml: divisor: expected an integer 1..64, got "none"',
      'x.yml: stages[0].depth: expected the smallest depth first, got [5,2]',
      'x.yml: stages[0].stride: expected a stride of 1 or 2, got 3',
      'x.yml: stem.kernel: expected an odd kernel size, got 4',
    ]);
  });

  test.each([
    ['a missing key', text.replace('channels: 1', ''), 'x.yml: channels: expected an integer 1..4, got nothing'],
    [
      'an unknown key',
      `${text}\nchanels: 3`,
      'x.yml: expected a mapping of name, channels, resolutions, stem, stages, ratios, divisor, activation, group_by, got also chanels',
    ],
    [
      'a fractional width',
      text.replace('base: 6', 'base: 6.5'),
      'x.yml: stages[1].base: expected an integer 1..4096, got 6.5',
    ],
    [
      'ratios that do not fall',
      text.replace('0.25', '0.45'),
      'x.yml: ratios: expected falling ratios, each once, got [1,0.85,0.7,0.55,0.45,0.35,0.45]',
    ],
    [
      'resolutions that do not rise',
      text.replace('[28]', '[28, 20]'),
      'x.yml: resolutions: expected rising resolutions, each once, got [28,20]',
    ],
    [
      'a depth of two digits',
      text.replace('[2, 8]', '[2, 12]'),
      'x.yml: stages[2].depth[1]: expected an integer 1..9, got 12',
    ],
    [
      'no mapping',
      '- 1',
      'x.yml: expected a mapping of name, channels, resolutions, stem, stages, ratios, divisor, activation, group_by, got [1]',
    ],
    [
      'a name that is a path',
      text.replace('name: fashion', 'name: ../x'),
      'x.yml: name: expected a name of lower-case letters, digits and dashes, got "../x"',
    ],
  ])('with %s is refused', (_, changed, line) => {
    expect(refusal(changed)).toEqual([line]);
  });

  test('refuses a divisor that a width is below', () => {
    expect(refusal(text.replace('divisor: 1', 'divisor: 8'))[0]).toBe(
      'x.yml: stem.base: expected widths that the divisor 8 divides, got 1; use a larger base',
    );
  });

  test('that is no YAML is refused with line and column', () => {
    expect(refusal('a: 1\nb: [')[0]).toMatch(/^x\.yml:2:\d+: expected YAML, got /);
    expect(refusal(`${text}\nname: twice`)[0]).toMatch(/^x\.yml:\d+:1: expected YAML, got duplicated mapping key/);
  });
});
