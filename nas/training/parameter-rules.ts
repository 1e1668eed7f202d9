// What one parameter's update differs in from another's: its learning-rate factor and its weight decay.
import { groupMaxima } from '../space/groups.ts';
import type { ParameterSpec } from '../space/layout.ts';
import type { SharedTrainingConfig, TrainSupernetConfig } from './config.ts';

type Place = Pick<ParameterSpec, 'stage' | 'group' | 'block'>;

/** Factor on the learning rate of a parameter: that of its stage's first or last group for this K, else 1 (method, section 3). */
export function lrFactor(
  config: Pick<TrainSupernetConfig, 'space' | 'groups' | 'group_lr_factors' | 'group_lr_blocks'>,
  { stage, group, block }: Place,
): number {
  const groupsOfStage = groupMaxima(config.space, config.groups)[stage]?.length;
  const reached = config.group_lr_blocks?.[stage] ?? Infinity;
  if (groupsOfStage === undefined || block >= reached) return 1;
  const factors = config.group_lr_factors[String(config.groups)] ?? [];
  return factors
    .filter((entry) => entry.stage - 1 === stage && group === (entry.group === 'first' ? 0 : groupsOfStage - 1))
    .reduce((product, { factor }) => product * factor, 1);
}

/** Weight decay of a parameter: weights of convolutions and the linear layer against BN's scale, shift and biases. */
export function weightDecay(
  config: Pick<SharedTrainingConfig, 'weight_decay_weight' | 'weight_decay_bn_bias'>,
  kind: ParameterSpec['kind'],
): number {
  return kind === 'conv' || kind === 'linear' ? config.weight_decay_weight : config.weight_decay_bn_bias;
}
