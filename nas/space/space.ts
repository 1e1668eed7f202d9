/** A search space of residual networks, as `configs/spaces/*.yml` describes it. */
export interface Space {
  readonly name: string;
  /** Channels of the image: 3, 1. */
  readonly channels: number;
  /** Ascending; the largest is the size of the data set's images. */
  readonly resolutions: readonly number[];
  readonly stem: Stem;
  readonly stages: readonly Stage[];
  /** Code 1..n stands for ratio 1..n of this list, widest first. */
  readonly ratios: readonly number[];
  /** Widths are multiples of it: 8 (ImageNet), 1 (small spaces). */
  readonly divisor: number;
  /** Of the output of every block, where it is not ReLU. Behind the stem and inside blocks it always is. */
  readonly activation?: Exclude<Activation, 'relu'> | undefined;
  /** What puts the subnets of a few-shot supernet's stage into groups; the out width where absent. */
  readonly group_by?: 'depth' | undefined;
}

/** `silu`: x·sigmoid(x); `mish`: x·tanh(softplus(x)). */
export type Activation = 'relu' | 'silu' | 'mish';

interface Stem {
  readonly kernel: number;
  readonly stride: 1 | 2;
  /** Whether a 3×3 max-pool of stride 2 follows. */
  readonly pool: boolean;
  readonly base: number;
}

export interface Stage {
  readonly base: number;
  /** Of the stage's first block; the others have stride 1. */
  readonly stride: 1 | 2;
  readonly depth: readonly [min: number, max: number];
}

/** In an `Architecture` two channel codes, in a `Subnet` two widths. */
export interface Block {
  readonly mid: number;
  readonly out: number;
}

/** What an arch code says: channel codes 1..n; a stage's depth is the length of its list. */
export interface Architecture {
  readonly stem: number;
  readonly stages: readonly (readonly Block[])[];
}

/** The same shape in channels. */
export interface Subnet {
  readonly stem: number;
  readonly stages: readonly (readonly Block[])[];
}

/** Index that means the stem where a stage index is asked for. */
export const STEM = -1;

/**
 * Channels that a channel code stands for: `makeDivisible(round(base · ratio), divisor)`.
 * @param stage index of the stage, or STEM
 * @throws RangeError for a stage or code the space does not have
 */
export function widthOf(space: Space, stage: number, code: number): number {
  const base = stage === STEM ? space.stem.base : space.stages[stage]?.base;
  const ratio = space.ratios[code - 1];
  if (base === undefined)
    throw new RangeError(`space ${space.name}: expected a stage -1..${space.stages.length - 1}, got ${stage}`);
  if (ratio === undefined)
    throw new RangeError(`space ${space.name}: expected a channel code 1..${space.ratios.length}, got ${code}`);
  return makeDivisible(roundHalfEven(base * ratio), space.divisor);
}

/** The distinct widths of a stage (or the STEM), ascending. */
export function widths(space: Space, stage: number): number[] {
  const all = space.ratios.map((_, index) => widthOf(space, stage, index + 1));
  return [...new Set(all)].toSorted((a, b) => a - b);
}

/** Codes to channels. */
export function subnetOf(space: Space, architecture: Architecture): Subnet {
  return {
    stem: widthOf(space, STEM, architecture.stem),
    stages: architecture.stages.map((blocks, stage) =>
      blocks.map(({ mid, out }) => ({ mid: widthOf(space, stage, mid), out: widthOf(space, stage, out) })),
    ),
  };
}

/** Number of blocks. */
export function depthOf(subnet: Subnet): number {
  return subnet.stages.reduce((sum, blocks) => sum + blocks.length, 0);
}

/** The smallest space that the subnet is in: nothing is built that it does not use, but for mids narrower than their stage. */
export function spaceAround(space: Space, { stem, stages }: Subnet): Space {
  return {
    ...space,
    stem: { ...space.stem, base: stem },
    stages: space.stages.map((stage, index) => {
      const blocks = stages[index]!;
      const base = Math.max(...blocks.flatMap(({ mid, out }) => [mid, out]));
      return { ...stage, base, depth: [blocks.length, blocks.length] };
    }),
    ratios: [1],
    divisor: 1,
  };
}

/** Nearest multiple of the divisor, at least 1, one step up where that would lose more than 10 %. */
function makeDivisible(width: number, divisor: number): number {
  const nearest = Math.max(1, Math.floor((width + divisor / 2) / divisor) * divisor);
  return nearest < 0.9 * width ? nearest + divisor : nearest;
}

/** Python's round: halves go to the even neighbour. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
