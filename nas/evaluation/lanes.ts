import type { ConvNorm } from '../supernet/modules.ts';
import type { Supernet } from '../supernet/network.ts';
import { leading, padTo } from '../supernet/ops.ts';
import type { Parameter } from '../supernet/parameters.ts';
import { dispose, keep } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import type { Affine } from './statistics.ts';

/**
 * Channels that activations of `width` channels are computed with. oneDNN's batch normalisation takes up to ten times
 * as long where a narrow tensor's channels are no multiple of four (14×14×6: 3 ms a thousand images, 14×14×8: 0.4),
 * and a convolution costs the same for 5 to 16 outputs.
 */
export function lanes(width: number): number {
  return width <= 16 ? Math.ceil(width / 4) * 4 : width;
}

/**
 * Parameters cut for activations that may carry more channels than the subnet has. What such channels hold does not
 * matter: every weight that reads them is zero.
 */
export class PaddedParameters {
  readonly #net: Supernet;
  readonly #made = new Map<string, Tensor>();

  constructor(net: Supernet) {
    this.#net = net;
  }

  /** @returns [k, k, physical channels of the input, lanes(out)], zero outside of [:input] and [:out] */
  conv({ weight }: ConvNorm, input: number, physical: number, out: number): Tensor {
    return this.#padded(weight, weight.slice(out, input), (shape) => [shape[0]!, shape[1]!, physical, lanes(out)]);
  }

  /** [lanes(width)] each. */
  affine({ gamma, beta }: ConvNorm, width: number): Affine {
    const shape = [lanes(width)];
    return {
      gamma: this.#padded(gamma, gamma.slice(width), () => shape),
      beta: this.#padded(beta, beta.slice(width), () => shape),
    };
  }

  /** weight [physical channels, classes], zero outside of [:width]; bias [classes]. */
  linear(group: number, width: number, physical: number): { weight: Tensor; bias: Tensor } {
    const { weight, bias } = this.#net.modules.classifiers[group]!;
    const { classes } = this.#net;
    return {
      weight: this.#padded(weight, weight.slice(classes, width), () => [physical, classes]),
      bias: bias.value(),
    };
  }

  dispose(): void {
    for (const tensor of this.#made.values()) dispose(tensor);
    this.#made.clear();
  }

  #padded({ name }: Parameter, slice: Tensor, target: (shape: readonly number[]) => number[]): Tensor {
    const shape = target(slice.shape);
    if (shape.join() === slice.shape.join()) return slice;
    const key = `${name}/${slice.shape.join()}/${shape.join()}`;
    const known = this.#made.get(key);
    if (known) return known;
    const made = keep(padTo(slice, shape));
    this.#made.set(key, made);
    return made;
  }
}

/** The leading channels of x [n, h, w, c] that `width` needs: x itself where it has no more. */
export function narrowed(x: Tensor, width: number): Tensor {
  const [n, h, w, channels] = x.shape;
  const needed = lanes(width);
  return needed === channels ? x : leading(x, [n!, h!, w!, needed]);
}
