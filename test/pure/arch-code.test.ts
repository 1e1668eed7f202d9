import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArchCodeError, archCodeLength, formatArchCode, parseArchCode } from '../../nas/space/arch-code.ts';
import { anyArchitectures, committedSpace, competitionCodes } from '../support/spaces.ts';

const space = committedSpace('imagenet');
const good = '1252233313000000223212122253130000000000006515000000';

/** The error of a code made of the good one by a change. */
function refusal(code: string): ArchCodeError {
  try {
    parseArchCode(space, code);
  } catch (error) {
    if (error instanceof ArchCodeError) return error;
  }
  throw new Error(`${code} was not refused as an arch code`);
}

/** How the refusal of so many ones names them. */
const quoted = (length: number): string => refusal('1'.repeat(length)).message.split(':')[0]!;

const withDigit = (position: number, digit: string): string =>
  good.slice(0, position) + digit + good.slice(position + 1);

describe('the arch code', () => {
  test('has 52 digits in the ImageNet space and in the small one', () => {
    expect(archCodeLength(space)).toBe(52);
    expect(archCodeLength(committedSpace('fashion'))).toBe(52);
  });

  test('reads depths, stem and (mid, out) pairs', () => {
    const { stem, stages } = parseArchCode(space, good);
    expect(stages.map((blocks) => blocks.length)).toEqual([2, 5, 2, 2]);
    expect(stem).toBe(3);
    expect(stages[0]).toEqual([
      { mid: 3, out: 3 },
      { mid: 1, out: 3 },
    ]);
    expect(stages[3]).toEqual([
      { mid: 6, out: 5 },
      { mid: 1, out: 5 },
    ]);
  });

  test('of each of the 45,000 subnets of the competition comes back as it was', () => {
    const codes = competitionCodes();
    expect(codes).toHaveLength(45_000);
    expect(codes.filter((code) => formatArchCode(space, parseArchCode(space, code)) !== code)).toEqual([]);
  });

  test('of any architecture of any space comes back as it was', () => {
    fc.assert(
      fc.property(anyArchitectures({ minLength: 1, maxLength: 1 }), ({ space: any, architectures: [architecture] }) => {
        const code = formatArchCode(any, architecture!);
        expect(code).toHaveLength(archCodeLength(any));
        expect(parseArchCode(any, code)).toEqual(architecture);
      }),
    );
  });

  test.each([
    ['no leading 1', withDigit(0, '2'), 0, "a leading '1'", "'2'"],
    ['a depth below the range', withDigit(1, '1'), 1, 'a depth 2..5 of stage 1', "'1'"],
    ['a depth above the range', withDigit(3, '9'), 3, 'a depth 2..8 of stage 3', "'9'"],
    ['no stem channel', withDigit(5, '0'), 5, 'a channel code 1..7', "'0'"],
    ['a stem channel above the codes', withDigit(5, '8'), 5, 'a channel code 1..7', "'8'"],
    ['a channel 0 inside the depth', withDigit(9, '0'), 9, 'a channel code 1..7', "'0'"],
    ['a channel past the depth', withDigit(10, '4'), 10, "'0' past the depth 2", "'4'"],
    ['a letter', withDigit(20, 'x'), 20, 'a digit', "'x'"],
    ['a sign that sorts before the digits', withDigit(20, '/'), 20, 'a digit', "'/'"],
    ['a digit that is not ASCII', withDigit(20, '３'), 20, 'a digit', "'３'"],
    ['one digit missing', good.slice(0, -1), 51, '52 digits', 'the end after 51'],
    ['one digit too many', `${good}0`, 52, 'the end after 52 digits', '53 digits'],
    ['nothing', '', 0, '52 digits', 'the end after 0'],
  ])('with %s is refused at that digit', (_, code, position, expected, got) => {
    expect(refusal(code)).toMatchObject({ position, expected, got });
  });

  test('is refused in words that name the code, the digit, what was expected and what came', () => {
    expect(refusal(withDigit(1, '7')).message).toBe(
      `arch code "${withDigit(1, '7')}": digit [1]: expected a depth 2..5 of stage 1, got '7'`,
    );
  });

  test('is quoted in full up to 80 characters, and cut there', () => {
    expect(quoted(80)).toBe(`arch code "${'1'.repeat(80)}"`);
    expect(quoted(81)).toBe(`arch code "${'1'.repeat(80)}…"`);
  });

  test('is read or refused, never anything else', () => {
    const codes = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), minLength: 52, maxLength: 52 }),
    );
    fc.assert(
      fc.property(codes, (code) => {
        try {
          expect(formatArchCode(space, parseArchCode(space, code))).toBe(code);
        } catch (error) {
          expect(error).toBeInstanceOf(ArchCodeError);
        }
      }),
    );
  });
});
