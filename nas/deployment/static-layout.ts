import { hasShortcut, placedBlocks } from '../space/space.ts';
import type { Space, Subnet } from '../space/space.ts';

/**
 * The layers of one subnet as a network of its own, under the names that torchvision gives to a ResNet of basic blocks:
 * `conv1`, `bn1`, `layer1.0.conv1` … `layer4.3.downsample.1`, `fc`.
 */
export interface StaticLayout {
  readonly stem: ConvNorm;
  /** Whether a 3×3 max-pool of stride 2 follows the stem. */
  readonly pool: boolean;
  readonly blocks: readonly StaticBlock[];
  /** The linear layer behind the mean over the image. */
  readonly classifier: { readonly name: string; readonly in: number; readonly out: number };
}

/** A convolution without bias and the batch normalisation behind it. */
export interface ConvNorm {
  readonly conv: string;
  readonly norm: string;
  readonly in: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
}

/** ReLU(conv2(ReLU(conv1(x))) + shortcut(x)); a null shortcut is the identity. */
export interface StaticBlock {
  readonly name: string;
  readonly conv1: ConvNorm;
  readonly conv2: ConvNorm;
  readonly shortcut: ConvNorm | null;
}

export function staticLayout(space: Space, subnet: Subnet, classes: number): StaticLayout {
  const { kernel, stride, pool } = space.stem;
  const blocks = placedBlocks(space, subnet).map((at): StaticBlock => {
    const name = `layer${at.stage + 1}.${at.block}`;
    const shortcut = { conv: `${name}.downsample.0`, norm: `${name}.downsample.1`, in: at.in, out: at.out };
    return {
      name,
      conv1: { ...pair(`${name}.`, 1), in: at.in, out: at.mid, kernel: 3, stride: at.stride },
      conv2: { ...pair(`${name}.`, 2), in: at.mid, out: at.out, kernel: 3, stride: 1 },
      shortcut: hasShortcut(at) ? { ...shortcut, kernel: 1, stride: at.stride } : null,
    };
  });
  return {
    stem: { ...pair('', 1), in: space.channels, out: subnet.stem, kernel, stride },
    pool,
    blocks,
    classifier: { name: 'fc', in: subnet.stages.at(-1)!.at(-1)!.out, out: classes },
  };
}

/** Every convolution with its normalisation, in the order images pass them; a block's shortcut comes last in it. */
export function convNorms({ stem, blocks }: StaticLayout): ConvNorm[] {
  return [stem, ...blocks.flatMap(({ conv1, conv2, shortcut }) => [conv1, conv2, ...(shortcut ? [shortcut] : [])])];
}

/** The shape of every tensor by name, in PyTorch's order: what a file of the network holds. */
export function staticShapes(layout: StaticLayout): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const { conv, norm, in: input, out, kernel } of convNorms(layout)) {
    shapes.set(`${conv}.weight`, [out, input, kernel, kernel]);
    for (const of of ['weight', 'bias', 'running_mean', 'running_var']) shapes.set(`${norm}.${of}`, [out]);
  }
  const { name, in: input, out } = layout.classifier;
  return shapes.set(`${name}.weight`, [out, input]).set(`${name}.bias`, [out]);
}

function pair(prefix: string, index: 1 | 2): { conv: string; norm: string } {
  return { conv: `${prefix}conv${index}`, norm: `${prefix}bn${index}` };
}
