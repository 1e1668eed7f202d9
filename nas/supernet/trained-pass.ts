import { pass } from '../space/network.ts';
import type { Classifier, ConvNorm, Layer, Steps } from '../space/network.ts';
import type { Activation, Subnet } from '../space/space.ts';
import { activations } from './activations.ts';
import { convolutionBackward, convolutionForward } from './convolution.ts';
import { dropConnectMask, dropoutMask } from './dropout.ts';
import type { DropConnect, Dropout } from './dropout.ts';
import { resizeBicubic } from './images.ts';
import { ownNorm } from './batch-norm.ts';
import type { TrainedNorm } from './batch-norm.ts';
import { add, biasAdd, biasGradient, cast, matmul, multiply } from './ops.ts';
import { bordered, maxPoolForward, maxPoolGradient, meanPool, meanPoolGradient, unbordered } from './pooling.ts';
import type { Parameter } from './parameter.ts';
import type { Supernet } from './supernet.ts';
import { dispose, scope } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

export interface ForwardOptions {
  /** Side that the images are resized to, bicubic; as they come if absent. */
  readonly resolution?: number;
  readonly dropout?: Dropout;
  readonly dropConnect?: DropConnect;
  /** By the batch's own statistics if absent. */
  readonly norm?: TrainedNorm;
}

/**
 * Training's forward pass of a subnet, under the statistics of its batch.
 * @param images [n, h, w, channels] in float32, normalised; not freed
 * @returns logits [n, classes] in float32, which belong to the scope around, and the tape for the gradients
 * @throws BadInput for a subnet wider than the supernet, RangeError for images of another space
 */
export function trainedPass(
  net: Supernet,
  images: Tensor,
  subnet: Subnet,
  { resolution, ...options }: ForwardOptions = {},
): { logits: Tensor; tape: Tape } {
  if (images.shape[3] !== net.space.channels) {
    throw new RangeError(`images: expected ${net.space.channels} channels, got [${images.shape.join()}]`);
  }
  const isResized = resolution !== undefined && resolution !== images.shape[1];
  const resized = isResized ? resizeBicubic(images, resolution) : images;
  const input = net.precision === 'bf16' ? cast(resized, 'bfloat16') : resized;
  const tape = new Tape(
    net,
    options,
    [resized, input].filter((made) => made !== images),
  );
  return { logits: pass(net.networkOf(subnet), tape, input), tape };
}

/** One step of a pass, as its gradient needs it. */
interface Step {
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  /** dLoss/doutput → dLoss/dinput of each input, null where none is needed. Frees what the step kept for itself, not dy. */
  readonly backward: (dy: Tensor) => readonly (Tensor | null)[];
}

/**
 * The steps of a pass in training: each computes its output and records how to compute its gradient. `backward` takes the steps in
 * reverse order. A value is freed when no later step reads it and no gradient needs it any more.
 */
export class Tape implements Steps<Tensor> {
  readonly #net: Supernet;
  readonly #options: Omit<ForwardOptions, 'resolution'>;
  readonly #steps: Step[] = [];
  /** Values that some gradient reads. */
  readonly #needed = new Set<Tensor>();
  readonly #owned: readonly Tensor[];

  /** @param owned tensors made of the images, to be freed with the tape */
  constructor(net: Supernet, options: Omit<ForwardOptions, 'resolution'>, owned: readonly Tensor[]) {
    this.#net = net;
    this.#options = options;
    this.#owned = owned;
  }

  // ReLU lets no gradient into the zeros behind a width. Where another activation does, the weight has to keep it out.
  #sliceOf({ slices }: Parameter, { in: input, out }: Layer): Tensor {
    return this.#net.space.activation === undefined ? slices.slab(out, input) : slices.exact(out, input);
  }

  /** x [n, h, w, lanes(in)] → [n, h', w', lanes(out)]; the branch of a block under drop connect. */
  convNorm(x: Tensor, layer: ConvNorm): Tensor {
    const { epsilon } = this.#net;
    const { weight, gamma, beta } = this.#net.convNorm(layer);
    const kernel = this.#sliceOf(weight, layer);
    const scale = gamma.slices.exact(layer.out);
    const { y: conv, record } = convolutionForward(x, kernel, layer.stride);
    const { norm = ownNorm } = this.#options;
    const { y, state } = norm.forward(conv, scale, beta.slices.exact(layer.out), epsilon);
    this.#needed.add(x);
    this.#steps.push({
      inputs: [x],
      output: y,
      backward: (dy) => {
        const { dx: dConv, dGamma, dBeta } = norm.backward(dy, conv, scale, state, epsilon);
        dispose(conv, ...state);
        gamma.gradient.add(dGamma);
        beta.gradient.add(dBeta);
        // Images need no gradient.
        const { dWeight, dx } = convolutionBackward(record, dConv, layer.role !== 'stem');
        weight.gradient.add(dWeight);
        dispose(dConv);
        return [dx];
      },
    });
    return layer.role === 'conv2' ? this.#dropConnect(y, layer) : y;
  }

  #dropConnect(x: Tensor, layer: ConvNorm): Tensor {
    const { dropConnect } = this.#options;
    const mask = dropConnect ? dropConnectMask(this.#net.space, layer, x, dropConnect) : null;
    if (!mask) return x;
    const output = multiply(x, mask); // mask: [n, 1, 1, 1]
    this.#steps.push({
      inputs: [x],
      output,
      backward: (dy) => {
        const dx = multiply(dy, mask);
        dispose(mask);
        return [dx];
      },
    });
    this.done(x);
    return output;
  }

  activate(x: Tensor, activation: Activation): Tensor {
    const { forward, reads, backward } = activations[activation];
    const output = forward(x);
    const read = reads === 'input' ? x : output;
    this.#needed.add(read);
    this.#steps.push({ inputs: [x], output, backward: (dy) => [backward(dy, read)] });
    return output;
  }

  /** x: nowhere negative. */
  maxPool(x: Tensor): Tensor {
    const framed = bordered(x);
    const { y, places } = maxPoolForward(framed);
    this.#needed.add(y);
    this.#steps.push({
      inputs: [x],
      output: y,
      backward: (dy) => {
        const dFramed = maxPoolGradient(dy, framed, y, places);
        const dx = unbordered(dFramed, x.shape);
        dispose(dFramed, framed, ...places);
        return [dx];
      },
    });
    return y;
  }

  add(branch: Tensor, shortcut: Tensor): Tensor {
    const output = add(branch, shortcut);
    this.#steps.push({ inputs: [branch, shortcut], output, backward: (dy) => [dy, dy] });
    return output;
  }

  /** x [n, h, w, lanes(in)] → logits [n, classes], in float32 whatever the precision; features under dropout. */
  classify(x: Tensor, layer: Classifier): Tensor {
    const { weight, bias } = this.#net.classifier(layer);
    const matrix = this.#sliceOf(weight, layer);
    const full = x.dtype === 'float32' ? x : cast(x, 'float32');
    const pooled = meanPool(full); // [n, lanes(in)]
    if (full !== x) dispose(full);
    const mask = this.#options.dropout ? dropoutMask(pooled.shape, this.#options.dropout) : null;
    const features = mask ? multiply(pooled, mask) : pooled;
    const product = matmul(features, matrix);
    const logits = biasAdd(product, bias.value());
    dispose(product);
    if (mask) dispose(pooled);
    this.#steps.push({
      inputs: [x],
      output: logits,
      backward: (dLogits) => {
        bias.gradient.add(biasGradient(dLogits));
        weight.gradient.add(matmul(features, dLogits, true, false));
        const dFeatures = matmul(dLogits, matrix, false, true);
        const dPooled = mask ? multiply(dFeatures, mask) : dFeatures;
        const dx = meanPoolGradient(dPooled, x.shape, x.dtype);
        dispose(features, dFeatures, dPooled);
        if (mask) dispose(mask);
        return [dx];
      },
    });
    return logits;
  }

  done(x: Tensor): void {
    if (!this.#needed.has(x)) dispose(x);
  }

  /**
   * Adds the gradients of all parameters that the subnet used, and frees the tape: it serves once.
   * @param dLogits dLoss/dlogits [n, classes]; taken over
   */
  backward(dLogits: Tensor): void {
    scope(() => {
      /** Of values whose step is still to come: the sum over the steps that read them. */
      const gradients = new Map<Tensor, Tensor>();
      // A sum hands its gradient to both its terms.
      const release = (gradient: Tensor): void => {
        if (![...gradients.values()].includes(gradient)) dispose(gradient);
      };
      const give = (value: Tensor, gradient: Tensor): void => {
        const before = gradients.get(value);
        gradients.set(value, before ? add(before, gradient) : gradient);
        if (before) for (const term of [before, gradient]) release(term);
      };
      gradients.set(this.#steps.at(-1)!.output, dLogits);
      for (const { inputs, output, backward } of this.#steps.toReversed()) {
        const dy = gradients.get(output)!;
        gradients.delete(output);
        for (const [at, dx] of backward(dy).entries()) if (dx) give(inputs[at]!, dx);
        release(dy);
        if (this.#needed.has(output)) dispose(output);
      }
      dispose(...this.#owned);
    });
  }
}
