import { add, clipByValue, scale } from '../supernet/ops.ts';
import type { Parameter, Parameters } from '../supernet/parameters.ts';
import { scope } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import type { SharedTrainingConfig } from './config.ts';
import { weightDecay } from './parameter-rules.ts';

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
      const gathered = parameter.gradient();
      if (!gathered) continue;
      scope(() => {
        const gradient = this.#decayed(parameter, this.#clipped(gathered));
        parameter.applyMomentum(rate * factor, momentum, gradient, nesterov);
      });
      parameter.zeroGradient();
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

export type SgdConfig = Pick<
  SharedTrainingConfig,
  'optimizer' | 'grad_clip_value' | 'weight_decay_weight' | 'weight_decay_bn_bias'
>;
