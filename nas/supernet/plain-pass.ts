import type { Classifier, ConvNorm, Steps } from '../space/network.ts';
import { activations } from './activations.ts';
import { conv2d } from './convolution.ts';
import { add, biasAdd, cast, matmul } from './ops.ts';
import { maxPool, meanPool } from './pooling.ts';
import { dispose } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/** A network's weights, in TensorFlow's order. */
export interface PlainWeights {
  /** [k, k, in, out] */
  readonly kernel: (layer: ConvNorm) => Tensor;
  /** weight [in, classes], bias [classes] */
  readonly classifier: (layer: Classifier) => { readonly weight: Tensor; readonly bias: Tensor };
}

/** Normalises x [n, h, w, out], the output of the layer's convolution; a new tensor, x stays. */
export type Normalise = (x: Tensor, layer: ConvNorm) => Tensor;

/**
 * The steps of a pass one operation after the other, keeping nothing: one network as it stands.
 * Logits are float32 whatever the precision of the images.
 */
export function plainSteps(weights: PlainWeights, normalise: Normalise): Steps<Tensor> {
  return {
    convNorm(x, layer) {
      const conv = conv2d(x, weights.kernel(layer), layer.stride);
      const y = normalise(conv, layer);
      dispose(conv);
      return y;
    },
    activate: (x, activation) => activations[activation].forward(x),
    maxPool,
    add,
    classify(x, layer) {
      const { weight, bias } = weights.classifier(layer);
      const full = x.dtype === 'float32' ? x : cast(x, 'float32');
      const pooled = meanPool(full);
      const product = matmul(pooled, weight);
      const logits = biasAdd(product, bias);
      if (full !== x) dispose(full);
      dispose(pooled, product);
      return logits;
    },
    done: (x) => dispose(x),
  };
}
