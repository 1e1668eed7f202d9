import { add, clipByValue, scale } from '../supernet/ops.ts';
import type { Parameter, Parameters } from '../supernet/parameters.ts';
import { scope } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import type { SharedTrainingConfig } from './config.ts';
import { weightDecay } from './parameter-rules.ts';

/**
 * SGD with momentum, as PyTorch's with the original's parameter groups: gradients are clipped by value, then weight decay
 * is added, then momentum moves. A parameter that no net of a step used still coasts on its momentum, as under a
 * zero_grad that fills with zeros; one that no net has used yet is left alone.
 */
export class Sgd {
  readonly #parameters: Parameters;
  readonly #config: SgdConfig;
  readonly #factors: ReadonlyMap<Parameter, number>;
  readonly #moving = new Set<Parameter>();

  /** @param factorOf on the learning rate of a parameter */
  constructor(parameters: Parameters, config: SgdConfig, factorOf: (parameter: Parameter) => number = () => 1) {
    this.#parameters = parameters;
    this.#config = config;
    this.#factors = new Map([...parameters].map((parameter) => [parameter, factorOf(parameter)]));
  }

  /** One update from the gradients gathered since the last, which it clears. @param rate learning rate of this iteration */
  step(rate: number): void {
    const { momentum, nesterov } = this.#config.optimizer;
    for (const parameter of this.#parameters) {
      scope(() => {
        const gradient = this.#gradient(parameter);
        if (gradient) parameter.applyMomentum(rate * this.#factors.get(parameter)!, momentum, gradient, nesterov);
      });
      parameter.zeroGradient();
    }
  }

  /** The parameters that have momentum, in the supernet's order. */
  moving(): Parameter[] {
    return [...this.#parameters].filter((parameter) => this.#moving.has(parameter));
  }

  /** Gives a parameter momentum, in PyTorch's order; throws RangeError for a name that is no parameter's. */
  restore(name: string, momentum: Float32Array): void {
    const parameter = this.#parameters.get(name);
    parameter.assignMomentum(momentum);
    this.#moving.add(parameter);
  }

  #gradient(parameter: Parameter): Tensor | undefined {
    const gathered = parameter.gradient();
    const decay = weightDecay(this.#config, parameter.kind);
    if (!gathered) return this.#moving.has(parameter) ? scale(parameter.value(), decay) : undefined;
    this.#moving.add(parameter);
    const limit = this.#config.grad_clip_value;
    const clipped = limit === null ? gathered : clipByValue(gathered, limit);
    return decay === 0 ? clipped : add(clipped, scale(parameter.value(), decay));
  }
}

export type SgdConfig = Pick<
  SharedTrainingConfig,
  'optimizer' | 'grad_clip_value' | 'weight_decay_weight' | 'weight_decay_bn_bias'
>;
