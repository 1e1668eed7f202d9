import { groupMaxima } from './groups.ts';
import { blockLayers, classifierLayer, stemLayer, stemReduction } from './network.ts';
import type { Layer, Place, ResidualBlock } from './network.ts';
import type { Space } from './space.ts';

/** One parameter of a supernet, before it has values. */
export interface ParameterSpec extends Place {
  /** The layer that it belongs to. */
  readonly role: Layer['role'];
  /** norm: the scale of a batch normalisation; bias: its shift, or the linear layer's bias. */
  readonly kind: 'conv' | 'linear' | 'norm' | 'bias';
  /** The name it has in the original's PyTorch state_dict. */
  readonly name: string;
  /** PyTorch's order: OIHW for a convolution, out × in for the linear layer. */
  readonly shape: readonly number[];
}

/** All parameters of a supernet with K groups, in the state_dict's order. */
export function parameterLayout(space: Space, groups: number, classes: number): ParameterSpec[] {
  return supernetLayers(space, groups, classes).flatMap((layer) => {
    const { stage, group, block, role } = layer;
    const names = stateDictNames(space, groups, layer);
    return parameterShapes(layer).map(({ kind, shape }, index) => ({
      name: names[index]!,
      kind,
      shape,
      stage,
      group,
      block,
      role,
    }));
  });
}

/** Kinds and shapes of a layer's parameters, in PyTorch's order: weight, then scale and shift; or weight and bias. */
export function parameterShapes(layer: Layer): Pick<ParameterSpec, 'kind' | 'shape'>[] {
  const { in: input, out } = layer;
  if (layer.role === 'classifier') {
    return [
      { kind: 'linear', shape: [out, input] },
      { kind: 'bias', shape: [out] },
    ];
  }
  return [
    { kind: 'conv', shape: [out, input, layer.kernel, layer.kernel] },
    { kind: 'norm', shape: [out] },
    { kind: 'bias', shape: [out] },
  ];
}

/**
 * The layers of a supernet with K groups at their full widths, in the state_dict's order.
 * In a group, the outputs of conv2 and the shortcut and the inputs of the following blocks end at the group's maximum; conv1's
 * outputs keep the stage's full width, a first block's inputs that of the stage before. Every block has its own shortcut, though
 * the identity takes its place where widths and stride allow.
 */
function supernetLayers(space: Space, groups: number, classes: number): Layer[] {
  const maxima = groupMaxima(space, groups);
  const full = maxima.map((own) => own.at(-1)!.out);
  let reduction = stemReduction(space);
  const blocks = space.stages.flatMap(({ stride }, stage) => {
    reduction *= stride;
    return maxima[stage]!.flatMap(({ out, depth }, group) =>
      Array.from({ length: depth }, (_, block): ResidualBlock => {
        const input = block > 0 ? out : (full[stage - 1] ?? space.stem.base);
        return { stage, group, block, in: input, mid: full[stage]!, out, stride: block > 0 ? 1 : stride, reduction };
      }),
    );
  });
  return [
    stemLayer(space, space.stem.base),
    ...blocks.flatMap((block) => Object.values(blockLayers(block))),
    ...maxima.at(-1)!.map(({ out }, group) => classifierLayer(space, group, out, classes)),
  ];
}

/** Convolution and normalisation of each layer in the original's state_dict. */
const STATE_DICT = {
  stem: ['first_conv.conv', 'first_conv.bn'],
  conv1: ['conv1', 'bn1'],
  conv2: ['conv2', 'bn2'],
  shortcut: ['short_conv', 'short_bn'],
} as const;

/** The names that a layer's parameters have in the original's state_dict; K = 1 numbers blocks through all stages. */
function stateDictNames(space: Space, groups: number, { stage, group, block, role }: Layer): string[] {
  if (role === 'classifier') {
    const linear = `${groups > 1 ? `classifier_groups.${group}` : 'classifier'}.linear.linear`;
    return [`${linear}.weight`, `${linear}.bias`];
  }
  const before = space.stages.slice(0, stage).reduce((sum, { depth }) => sum + depth[1], 0);
  const place = groups > 1 ? `blocks.${stage}.${group}.${block}.` : `blocks.${before + block}.`;
  const [conv, norm] = STATE_DICT[role].map((name) => (role === 'stem' ? name : place + name));
  return [`${conv}.conv.weight`, `${norm}.bn.weight`, `${norm}.bn.bias`];
}
