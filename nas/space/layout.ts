import { BadInput } from '../../plan/endings.ts';
import { widths } from './space.ts';
import type { Space, Subnet } from './space.ts';

/** One parameter of a supernet, before it has values. */
export interface ParameterSpec {
  /** The name it has in the original's PyTorch state_dict. */
  readonly name: string;
  /** norm: the scale of a batch normalisation; bias: its shift, or the linear layer's bias. */
  readonly kind: 'conv' | 'linear' | 'norm' | 'bias';
  /** -1 for the stem, the number of stages for the classifier. */
  readonly stage: number;
  readonly group: number;
  /** Inside its stage; 0 in the stem and the classifier. */
  readonly block: number;
  /** PyTorch's order: OIHW for a convolution, out × in for the linear layer. */
  readonly shape: readonly number[];
}

/** Where the modules of a supernet stand in its state_dict; K = 1 numbers blocks through all stages. */
export function blockPrefix(space: Space, groups: number, stage: number, group: number, block: number): string {
  if (groups > 1) return `blocks.${stage}.${group}.${block}`;
  const before = space.stages.slice(0, stage).reduce((sum, { depth }) => sum + depth[1], 0);
  return `blocks.${before + block}`;
}

export function classifierPrefix(groups: number, group: number): string {
  return groups > 1 ? `classifier_groups.${group}` : 'classifier';
}

/**
 * All parameters of a supernet with K groups, in the state_dict's order.
 * In a group, the outputs of conv2, bn2 and the shortcut and the inputs of the following blocks end at the group's
 * maximum; conv1's outputs keep the stage's full width, a first block's inputs that of the stage before.
 * Every block has its own shortcut, though the identity takes its place where widths and stride allow.
 */
export function parameterLayout(space: Space, groups: number, classes: number): ParameterSpec[] {
  const maxima = groupMaxima(space, groups);
  const full = groupMaxima(space, 1).map(([width]) => width!);
  const { kernel, base } = space.stem;
  const stemAt = { stage: -1, group: 0, block: 0 };
  const specs: ParameterSpec[] = [
    { name: 'first_conv.conv.conv.weight', kind: 'conv', ...stemAt, shape: [base, space.channels, kernel, kernel] },
    ...norm('first_conv.bn', stemAt, base),
  ];
  space.stages.forEach(({ depth }, stage) => {
    const mid = full[stage]!;
    maxima[stage]!.forEach((out, group) => {
      for (let block = 0; block < depth[1]; block++) {
        const input = block > 0 ? out : (full[stage - 1] ?? base);
        const at = { stage, group, block };
        const prefix = blockPrefix(space, groups, stage, group, block);
        specs.push(
          { name: `${prefix}.conv1.conv.weight`, kind: 'conv', ...at, shape: [mid, input, 3, 3] },
          ...norm(`${prefix}.bn1`, at, mid),
          { name: `${prefix}.conv2.conv.weight`, kind: 'conv', ...at, shape: [out, mid, 3, 3] },
          ...norm(`${prefix}.bn2`, at, out),
          { name: `${prefix}.short_conv.conv.weight`, kind: 'conv', ...at, shape: [out, input, 1, 1] },
          ...norm(`${prefix}.short_bn`, at, out),
        );
      }
    });
  });
  maxima.at(-1)!.forEach((width, group) => {
    const at = { stage: space.stages.length, group, block: 0 };
    const prefix = `${classifierPrefix(groups, group)}.linear.linear`;
    specs.push(
      { name: `${prefix}.weight`, kind: 'linear', ...at, shape: [classes, width] },
      { name: `${prefix}.bias`, kind: 'bias', ...at, shape: [classes] },
    );
  });
  return specs;
}

function norm(prefix: string, at: { stage: number; group: number; block: number }, width: number): ParameterSpec[] {
  return [
    { name: `${prefix}.bn.weight`, kind: 'norm', ...at, shape: [width] },
    { name: `${prefix}.bn.bias`, kind: 'bias', ...at, shape: [width] },
  ];
}

/**
 * Per stage the largest out channel of each of its groups, ascending: the K widest of the stage's distinct widths,
 * all of them once K exceeds their number. K = 1 is the one-shot supernet.
 * @throws BadInput unless K is an integer 1..number of ratios
 */
export function groupMaxima(space: Space, groups: number): number[][] {
  if (!Number.isInteger(groups) || groups < 1 || groups > space.ratios.length) {
    throw new BadInput(`groups: expected an integer 1..${space.ratios.length}, got ${groups}`);
  }
  return space.stages.map((_, stage) => widths(space, stage).slice(-groups));
}

/**
 * Index of the group that holds a width: the smallest maximum that is not below it.
 * @throws BadInput for a width above them all
 */
export function groupOf(maxima: readonly number[], width: number): number {
  const index = maxima.findIndex((maximum) => maximum >= width);
  if (index < 0) throw new BadInput(`group: expected a width of at most ${maxima.at(-1)}, got ${width}`);
  return index;
}

/** The group of each stage of a subnet: that of the widest out channel in the stage. The last is the classifier's too. */
export function stageGroups(maxima: readonly (readonly number[])[], subnet: Subnet): number[] {
  return subnet.stages.map((blocks, stage) => groupOf(maxima[stage]!, Math.max(...blocks.map(({ out }) => out))));
}
