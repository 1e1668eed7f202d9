import { blockPrefix, classifierPrefix, groupMaxima } from '../space/layout.ts';
import type { Space } from '../space/space.ts';
import type { Parameter, Parameters } from './parameters.ts';

/** A convolution and the batch normalisation behind it. */
export interface ConvNorm {
  /** The normalisation's name in the state_dict: `blocks.0.bn1`. */
  readonly name: string;
  readonly weight: Parameter;
  readonly gamma: Parameter;
  readonly beta: Parameter;
}

export interface BlockModule {
  readonly conv1: ConvNorm;
  readonly conv2: ConvNorm;
  readonly shortcut: ConvNorm;
}

/** A supernet's parameters by the place where they are used. */
export interface Modules {
  readonly stem: ConvNorm;
  /** [stage][group][block] */
  readonly blocks: readonly (readonly (readonly BlockModule[])[])[];
  /** By group of the last stage. */
  readonly classifiers: readonly { readonly weight: Parameter; readonly bias: Parameter }[];
}

export function gatherModules(space: Space, groups: number, parameters: Parameters): Modules {
  const convNorm = (conv: string, norm: string): ConvNorm => ({
    name: norm,
    weight: parameters.get(`${conv}.conv.weight`),
    gamma: parameters.get(`${norm}.bn.weight`),
    beta: parameters.get(`${norm}.bn.bias`),
  });
  const maxima = groupMaxima(space, groups);
  return {
    stem: convNorm('first_conv.conv', 'first_conv.bn'),
    blocks: maxima.map((widths, stage) =>
      widths.map((_, group) =>
        Array.from({ length: space.stages[stage]!.depth[1] }, (__, block) => {
          const prefix = blockPrefix(space, groups, stage, group, block);
          return {
            conv1: convNorm(`${prefix}.conv1`, `${prefix}.bn1`),
            conv2: convNorm(`${prefix}.conv2`, `${prefix}.bn2`),
            shortcut: convNorm(`${prefix}.short_conv`, `${prefix}.short_bn`),
          };
        }),
      ),
    ),
    classifiers: maxima.at(-1)!.map((_, group) => {
      const prefix = `${classifierPrefix(groups, group)}.linear.linear`;
      return { weight: parameters.get(`${prefix}.weight`), bias: parameters.get(`${prefix}.bias`) };
    }),
  };
}
