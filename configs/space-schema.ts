import { BadInput } from '../plan/endings.ts';
import { YAMLException, load } from 'js-yaml';
import { z } from 'zod';
import type { Space } from '../nas/space/space.ts';
import { STEM, widths } from '../nas/space/space.ts';

/** A space description that cannot be used; the message has one line per wrong key. */
export class SpaceError extends BadInput {}

const expected = (what: string): { error: (issue: { code?: string; keys?: string[]; input?: unknown }) => string } => ({
  error: (issue) =>
    issue.code === 'unrecognized_keys'
      ? `expected ${what}, got also ${issue.keys?.join(', ')}`
      : `expected ${what}, got ${shown(issue.input)}`,
});

const integer = (low: number, high: number): z.ZodInt => {
  const what = expected(`an integer ${low}..${high}`);
  return z.int(what).min(low, what).max(high, what);
};
const stride = z.literal([1, 2], expected('a stride of 1 or 2'));

const stem = z.strictObject(
  {
    kernel: integer(1, 15)
      .refine((kernel) => kernel % 2 === 1, expected('an odd kernel size'))
      .meta({ description: 'Side of its convolution; odd.', unit: 'pixels' }),
    stride: stride.meta({ description: 'Of that convolution.', unit: 'pixels' }),
    pool: z
      .boolean(expected('true or false'))
      .meta({ description: 'Whether a max pooling that halves the side follows.' }),
    base: integer(1, 4096).meta({ description: 'Its widest width.', unit: 'channels' }),
  },
  expected('a mapping of kernel, stride, pool, base'),
);

// A depth is one digit of the arch code.
const depth = z
  .tuple([integer(1, 9), integer(1, 9)], expected('[smallest, largest] depth'))
  .refine(([low, high]) => low <= high, expected('the smallest depth first'));

const stage = z.strictObject(
  {
    base: integer(1, 4096).meta({ description: 'Its widest width.', unit: 'channels' }),
    stride: stride.meta({ description: 'Of its first block.', unit: 'pixels' }),
    depth: depth.meta({
      description: 'Fewest and most blocks; each number is a digit of the arch code.',
      unit: 'blocks',
    }),
  },
  expected('a mapping of base, stride, depth'),
);

const ratio = z
  .number(expected('a ratio above 0, at most 1'))
  .gt(0, expected('a ratio above 0'))
  .max(1, expected('a ratio of at most 1'));

// So is a channel code, and '0' is the padding.
const ratios = z
  .array(ratio, expected('a list of ratios'))
  .min(1, expected('at least one ratio'))
  .max(9, expected('at most 9 ratios, one digit each'))
  .refine((list) => isStrictly(list, (a, b) => a > b), expected('falling ratios, each once'));

const resolutions = z
  .array(integer(1, 4096), expected('a list of resolutions'))
  .min(1, expected('at least one resolution'))
  .refine((list) => isStrictly(list, (a, b) => a < b), expected('rising resolutions, each once'));

/** What a `configs/spaces/*.yml` file may say; its messages read `expected X, got Y`. */
export const SpaceConfig: z.ZodType<Space> = z
  .strictObject(
    {
      name: z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]*$/, expected('a name of lower-case letters, digits and dashes'))
        .meta({ description: 'What reports and messages call it.' }),
      channels: integer(1, 4).meta({ description: 'Of the images.', unit: 'channels' }),
      resolutions: resolutions.meta({
        description: 'Sides of the images that training draws from, rising; all else is measured at the last.',
        unit: 'pixels',
      }),
      stem: stem.meta({ description: 'The first layer.' }),
      stages: z
        .array(stage, expected('a list of stages'))
        .min(1, expected('at least one stage'))
        .max(9, expected('at most 9 stages'))
        .meta({ description: 'The stages of the network, in order: blocks of one resolution.' }),
      ratios: ratios.meta({
        description:
          'Shares of a base, falling: the widths that there are to choose from, a digit of the arch code each.',
        unit: 'share',
      }),
      divisor: integer(1, 64).meta({ description: 'What every width is a multiple of.', unit: 'channels' }),
      activation: z
        .enum(['silu', 'mish'], expected('silu or mish, or no such key for ReLU'))
        .optional()
        .meta({ description: 'Behind each block; ReLU where absent.' }),
      group_by: z.literal('depth', expected('depth, or no such key for width')).optional().meta({
        description:
          'What tells the groups of a few-shot stage apart: the number of its blocks; their width where absent.',
      }),
    },
    expected('a mapping of name, channels, resolutions, stem, stages, ratios, divisor, activation, group_by'),
  )
  .superRefine((space, context) => {
    for (let index = STEM; index < space.stages.length; index++) {
      const narrow = widths(space, index).find((width) => width % space.divisor !== 0);
      if (narrow === undefined) continue;
      const path = index === STEM ? ['stem', 'base'] : ['stages', index, 'base'];
      const message = `expected widths that the divisor ${space.divisor} divides, got ${narrow}; use a larger base`;
      context.addIssue({ code: 'custom', path, message });
    }
  })
  .meta({ description: 'The subnets that there are: the name of a file in configs/spaces, or the same map.' });

/**
 * YAML to Space.
 * @param where named in errors, usually the file
 * @throws SpaceError with a line `where: key: expected X, got Y` for every wrong key
 */
export function parseSpace(text: string, where: string): Space {
  const parsed = SpaceConfig.safeParse(parseYaml(text, where));
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message }) =>
    [where, keyOf(path), message].filter(Boolean).join(': '),
  );
  throw new SpaceError(lines.join('\n'));
}

function parseYaml(text: string, where: string): unknown {
  try {
    return load(text);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const at = error.mark ? `:${error.mark.line + 1}:${error.mark.column + 1}` : '';
    throw new SpaceError(`${where}${at}: expected YAML, got ${error.reason}`, { cause: error });
  }
}

function keyOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((key, step) => {
    if (typeof step === 'number') return `${key}[${step}]`;
    return key === '' ? String(step) : `${key}.${String(step)}`;
  }, '');
}

function isStrictly(list: readonly number[], before: (a: number, b: number) => boolean): boolean {
  return list.every((value, index) => index === 0 || before(list[index - 1]!, value));
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
