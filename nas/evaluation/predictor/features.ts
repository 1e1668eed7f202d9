import { macs, parameterCount } from '../../space/cost.ts';
import { depthOf, STEM, widths } from '../../space/space.ts';
import type { Space, Subnet } from '../../space/space.ts';

/** What the predictor knows of a subnet. */
export interface Features {
  /** Number of features. */
  readonly count: number;
  /**
   * How far each may move a score before the penalty bites: standard deviations of its coefficient, as believed before
   * any score is seen. Size matters in every space; two choices together add little to what each does alone.
   */
  readonly weights: Float64Array;
  /** The features of a subnet, [count]. */
  readonly of: (subnet: Subnet) => Float64Array;
}

const WEIGHTS = { size: 2, choice: 1, product: 0.2 } as const;

/**
 * Features of the subnets of a space: size (log parameters, log MACs, log depth); every choice (the stem's width, each
 * stage's depth, mean out and mean mid width) and every depth of every stage as a 0 or 1 of its own, for supernets like
 * some depths better than others; and the products of any two choices, each taken from the middle of its range.
 */
export function featuresOf(space: Space): Features {
  const native = space.resolutions.at(-1)!;
  const middles = [STEM, ...space.stages.keys()].map((stage) => middle(widths(space, stage)));
  const depths = space.stages.map(({ depth: [low, high] }) =>
    Array.from({ length: high - low + 1 }, (_, index) => low + index),
  );

  const sizes = (subnet: Subnet): number[] => [
    Math.log(parameterCount(space, subnet, 0)),
    Math.log(macs(space, subnet, native)),
    Math.log(depthOf(subnet)),
  ];
  const choices = ({ stem, stages }: Subnet): number[] => [
    stem - middles[0]!,
    ...stages.flatMap((blocks, stage) => [
      blocks.length - middle(depths[stage]!),
      mean(blocks.map(({ out }) => out)) - middles[stage + 1]!,
      mean(blocks.map(({ mid }) => mid)) - middles[stage + 1]!,
    ]),
  ];
  const single = ({ stages }: Subnet): number[] =>
    stages.flatMap((blocks, stage) => depths[stage]!.map((depth) => Number(blocks.length === depth)));

  const chosen = 1 + 3 * space.stages.length;
  const weights = Float64Array.from([
    ...repeated(WEIGHTS.size, 3),
    ...repeated(WEIGHTS.choice, chosen + depths.flat().length),
    ...repeated(WEIGHTS.product, (chosen * (chosen + 1)) / 2),
  ]);
  return {
    count: weights.length,
    weights,
    of: (subnet) => {
      const own = choices(subnet);
      return Float64Array.from([...sizes(subnet), ...own, ...single(subnet), ...products(own)]);
    },
  };
}

/** Of every two, and of each with itself. */
function products(values: readonly number[]): number[] {
  return values.flatMap((a, index) => values.slice(0, index + 1).map((b) => a * b));
}

function repeated(value: number, count: number): number[] {
  return Array.from({ length: count }, () => value);
}

/** Of an ascending list. */
function middle(values: readonly number[]): number {
  return (values[0]! + values.at(-1)!) / 2;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
