import { groupMaxima } from '../space/groups.ts';
import type { ParameterSpec } from '../space/layout.ts';
import { add, clipByValue, scale } from '../supernet/ops.ts';
import type { Parameter, Parameters } from '../supernet/parameter.ts';
import { scope } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import type { SharedTrainingConfig, TrainSupernetConfig } from './config.ts';

/**
 * SGD with momentum, as PyTorch's with the original's parameter groups: gradients are clipped by value, then weight decay
 * is added, then momentum moves. A parameter that no net of a step used keeps its value and its momentum (PyTorch's
 * behaviour since gradients are None until there is one).
 */
export class Sgd {
  readonly #config: SgdConfig;
  readonly #factors: ReadonlyMap<Parameter, number>;

  /** @param factorOf on the learning rate of a parameter */
  constructor(parameters: Parameters, config: SgdConfig, factorOf: (parameter: Parameter) => number = () => 1) {
    this.#config = config;
    this.#factors = new Map([...parameters].map((parameter) => [parameter, factorOf(parameter)]));
  }

  /** One update from the gradients gathered since the last, which it clears. @param rate learning rate of this iteration */
  step(rate: number): void {
    const { momentum, nesterov } = this.#config.optimizer;
    for (const [parameter, factor] of this.#factors) {
      const gathered = parameter.gradient.total();
      if (!gathered) continue;
      scope(() => {
        const gradient = this.#decayed(parameter, this.#clipped(gathered));
        parameter.applyMomentum(rate * factor, momentum, gradient, nesterov);
      });
      parameter.gradient.clear();
    }
  }

  #clipped(gradient: Tensor): Tensor {
    const limit = this.#config.grad_clip_value;
    return limit === null ? gradient : clipByValue(gradient, limit);
  }

  #decayed(parameter: Parameter, gradient: Tensor): Tensor {
    const decay = weightDecay(this.#config, parameter.kind);
    return decay === 0 ? gradient : add(gradient, scale(parameter.value(), decay));
  }
}

type SgdConfig = Pick<
  SharedTrainingConfig,
  'optimizer' | 'grad_clip_value' | 'weight_decay_weight' | 'weight_decay_bn_bias'
>;

// How the updates of parameters differ: in their learning-rate factors and their weight decay.

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

/**
 * Learning rate of an iteration: base · warm-up · ½(1 + cos(π · iteration / all)), the cosine running under the warm-up too.
 * All are those of `cosine_epochs`, of the stage where there are none; behind them it is 0.
 * Warm-up rises linearly from warmup_factor to 1 over the first warmup_epochs (the original's WarmupCosineLR).
 * @param step iterations before this one, over all epochs
 * @param steps of an epoch
 */
export function learningRate(
  config: Pick<SharedTrainingConfig, 'lr_scheduler' | 'epochs' | 'warmup_epochs'>,
  step: number,
  steps: number,
): number {
  const {
    base_lr: base,
    warmup_factor: begin,
    clamp_lr_percent: clamp,
    cosine_epochs: fall = config.epochs,
  } = config.lr_scheduler;
  const [total, warmup] = [fall * steps, config.warmup_epochs * steps];
  const rise = step < warmup ? begin + (1 - begin) * (step / warmup) : 1;
  const rate = base * rise * 0.5 * (1 + Math.cos((Math.PI * Math.min(step, total)) / total));
  return step > warmup ? Math.max(rate, base * clamp) : rate;
}
