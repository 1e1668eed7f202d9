import type { Activation, Space, Subnet } from './space.ts';
import { STEM } from './space.ts';

// What a subnet's network is: its layers in order, with their shapes. The names and shapes of weights, costs, exported files and
// the passes through a network are derived from this description.

/** Where a layer stands, in a subnet and in the supernet that its weights are taken from. */
export interface Place {
  /** STEM (-1) for the stem, the number of stages for the classifier. */
  readonly stage: number;
  /** Which of the K copies of its stage. */
  readonly group: number;
  /** Inside its stage; 0 in the stem and the classifier. */
  readonly block: number;
}

/** A convolution without bias, padded by kernel // 2 on every side, and the batch normalisation behind it. */
export interface ConvNorm extends Place {
  readonly role: 'stem' | 'conv1' | 'conv2' | 'shortcut';
  readonly in: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: 1 | 2;
  /** Pixels of the image, along a side, for one pixel of the output: the product of all strides so far. */
  readonly reduction: number;
}

/** The mean over the image, and the linear layer with bias behind it. */
export interface Classifier extends Place {
  readonly role: 'classifier';
  readonly in: number;
  /** Classes. */
  readonly out: number;
}

export type Layer = ConvNorm | Classifier;

/** activation(conv2(ReLU(conv1(x))) + shortcut(x)). */
export interface ResidualBlock extends Place {
  readonly in: number;
  /** Width between its two convolutions. */
  readonly mid: number;
  readonly out: number;
  /** Of its first convolution. */
  readonly stride: 1 | 2;
  /** Of its output, as in `ConvNorm`. */
  readonly reduction: number;
}

/** A subnet's network, in the order that images pass it. */
export interface Network {
  readonly stem: ConvNorm;
  /** Whether a 3×3 max-pool of stride 2 and padding 1 follows the stem. */
  readonly pool: boolean;
  readonly blocks: readonly ResidualBlock[];
  /** Of every block's output. */
  readonly activation: Activation;
  readonly classifier: Classifier;
}

/**
 * The network of a subnet.
 * @param groups of each stage: which copy of the supernet's blocks the subnet uses (`stageGroups`)
 */
export function networkOf(space: Space, subnet: Subnet, classes: number, groups: readonly number[] = []): Network {
  const blocks = residualBlocks(space, subnet, groups);
  const { out, group } = blocks.at(-1)!;
  return {
    stem: stemLayer(space, subnet.stem),
    pool: space.stem.pool,
    blocks,
    activation: space.activation ?? 'relu',
    classifier: classifierLayer(space, group, out, classes),
  };
}

/** The blocks of a subnet in the order that images pass them; groups as for `networkOf`. */
export function residualBlocks(space: Space, subnet: Subnet, groups: readonly number[] = []): ResidualBlock[] {
  let width = subnet.stem;
  let reduction = stemReduction(space);
  return subnet.stages.flatMap((blocks, stage) =>
    blocks.map(({ mid, out }, block) => {
      const stride = block === 0 ? space.stages[stage]!.stride : 1;
      reduction *= stride;
      const placed = { stage, group: groups[stage] ?? 0, block, in: width, mid, out, stride, reduction };
      width = out;
      return placed;
    }),
  );
}

/** The stem's convolution for images of the space. */
export function stemLayer({ channels, stem }: Space, out: number): ConvNorm {
  const { kernel, stride } = stem;
  return { role: 'stem', stage: STEM, group: 0, block: 0, in: channels, out, kernel, stride, reduction: stride };
}

/** The linear layer behind the last stage; each of its groups has one. */
export function classifierLayer({ stages }: Space, group: number, width: number, classes: number): Classifier {
  return { role: 'classifier', stage: stages.length, group, block: 0, in: width, out: classes };
}

/** `reduction` of what enters the first stage. */
export function stemReduction({ stem }: Space): number {
  return stem.stride * (stem.pool ? 2 : 1);
}

/** The layers of a block. The shortcut's is used where `hasShortcut` says so; elsewhere the shortcut is the identity. */
export function blockLayers({ in: input, mid, out, stride, stage, group, block, reduction }: ResidualBlock): {
  conv1: ConvNorm;
  conv2: ConvNorm;
  shortcut: ConvNorm;
} {
  return {
    conv1: { role: 'conv1', stage, group, block, in: input, out: mid, kernel: 3, stride, reduction },
    conv2: { role: 'conv2', stage, group, block, in: mid, out, kernel: 3, stride: 1, reduction },
    shortcut: { role: 'shortcut', stage, group, block, in: input, out, kernel: 1, stride, reduction },
  };
}

/** Whether a block's shortcut is a 1×1 convolution and not the identity. */
export function hasShortcut(block: { readonly in: number; readonly out: number; readonly stride: number }): boolean {
  return block.stride !== 1 || block.in !== block.out;
}

/** The convolutions that a network uses, in order; a block's shortcut comes last in it. */
export function convNormsOf({ stem, blocks }: Network): ConvNorm[] {
  const layers = [stem];
  for (const block of blocks) {
    const { conv1, conv2, shortcut } = blockLayers(block);
    layers.push(conv1, conv2);
    if (hasShortcut(block)) layers.push(shortcut);
  }
  return layers;
}

/** All layers that a network uses, in order. */
export function layersOf(network: Network): Layer[] {
  return [...convNormsOf(network), network.classifier];
}

/** Height and width of what a layer or block gives for images of resolution². Paddings are such that each stride rounds up. */
export function mapSize(resolution: number, { reduction }: { readonly reduction: number }): number {
  return Math.ceil(resolution / reduction);
}

/** What each step of a pass does; T is what flows through it: tensors, or the names of a graph's values. */
export interface Steps<T> {
  convNorm(x: T, layer: ConvNorm): T;
  activate(x: T, activation: Activation): T;
  maxPool(x: T): T;
  add(branch: T, shortcut: T): T;
  classify(x: T, classifier: Classifier): T;
  /** Called with a value that no later step reads; several times with some. */
  done(x: T): void;
}

/** Takes images through a network, step by step. `images` are not `done`: they belong to the caller. */
export function pass<T>({ stem, pool, blocks, activation, classifier }: Network, steps: Steps<T>, images: T): T {
  const behind = (x: T, y: T): T => {
    steps.done(x);
    return y;
  };
  const activated = (x: T, by: Activation = 'relu'): T => behind(x, steps.activate(x, by));

  let x = activated(steps.convNorm(images, stem));
  if (pool) x = behind(x, steps.maxPool(x));
  for (const block of blocks) {
    const { conv1, conv2, shortcut } = blockLayers(block);
    const inner = activated(steps.convNorm(x, conv1));
    const branch = behind(inner, steps.convNorm(inner, conv2));
    const beside = hasShortcut(block) ? behind(x, steps.convNorm(x, shortcut)) : x;
    const sum = behind(branch, behind(beside, steps.add(branch, beside)));
    x = activated(sum, activation);
  }
  return behind(x, steps.classify(x, classifier));
}
