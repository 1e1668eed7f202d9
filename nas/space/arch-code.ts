import { BadInput } from '../../plan/endings.ts';
import type { Architecture, Block, Space } from './space.ts';

/** A code that does not describe an architecture of the space; `position` is the 0-based digit that is wrong. */
export class ArchCodeError extends BadInput {
  readonly position: number;
  readonly expected: string;
  readonly got: string;

  constructor(code: string, position: number, expected: string, got: string) {
    super(`arch code ${abbreviate(code)}: digit [${position}]: expected ${expected}, got ${got}`);
    this.position = position;
    this.expected = expected;
    this.got = got;
  }
}

/** Digits of a code: a leading 1, one depth per stage, the stem, two per block of the deepest network (52 for ImageNet). */
export function archCodeLength(space: Space): number {
  return 2 + space.stages.length + 2 * space.stages.reduce((sum, stage) => sum + stage.depth[1], 0);
}

/**
 * Reads an arch code: [0] '1'; one depth digit per stage; the stem's channel code; then for every block of the
 * deepest network its (mid, out) codes, '0' past the stage's depth.
 * @throws ArchCodeError naming the first wrong digit
 */
export function parseArchCode(space: Space, code: string): Architecture {
  const length = archCodeLength(space);
  for (let position = 0; position < Math.min(length, code.length); position++) {
    const digit = code.charAt(position);
    if (digit < '0' || digit > '9') throw new ArchCodeError(code, position, 'a digit', `'${digit}'`);
  }
  if (code.length < length)
    throw new ArchCodeError(code, code.length, `${length} digits`, `the end after ${code.length}`);
  if (code.length > length)
    throw new ArchCodeError(code, length, `the end after ${length} digits`, `${code.length} digits`);

  let position = 0;
  const next = (expected: string, low: number, high: number): number => {
    const digit = Number(code.charAt(position));
    if (digit < low || digit > high) throw new ArchCodeError(code, position, expected, `'${digit}'`);
    position++;
    return digit;
  };
  const channel = (): number => next(`a channel code 1..${space.ratios.length}`, 1, space.ratios.length);

  next("a leading '1'", 1, 1);
  const depths = space.stages.map(({ depth: [low, high] }, stage) =>
    next(`a depth ${low}..${high} of stage ${stage + 1}`, low, high),
  );
  const stem = channel();
  const stages = space.stages.map((stage, index) => {
    const depth = depths[index]!;
    const blocks: Block[] = [];
    for (let block = 0; block < stage.depth[1]; block++) {
      const digit = block < depth ? channel : (): number => next(`'0' past the depth ${depth}`, 0, 0);
      const mid = digit();
      const out = digit();
      if (block < depth) blocks.push({ mid, out });
    }
    return blocks;
  });
  return { stem, stages };
}

/** Writes the arch code of an architecture: the inverse of `parseArchCode`. */
export function formatArchCode(space: Space, architecture: Architecture): string {
  const depths = architecture.stages.map((blocks) => blocks.length).join('');
  const blocks = space.stages.map((stage, index) =>
    architecture.stages[index]!.map(({ mid, out }) => `${mid}${out}`)
      .join('')
      .padEnd(2 * stage.depth[1], '0'),
  );
  return `1${depths}${architecture.stem}${blocks.join('')}`;
}

function abbreviate(code: string): string {
  return JSON.stringify(code.length > 80 ? `${code.slice(0, 80)}…` : code);
}
