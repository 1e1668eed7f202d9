import { add, multiply, relu, reluGradient } from './ops.ts';
import { dispose, run } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';
import type { Activation } from '../space/space.ts';

/** What an activation is, and what its gradient reads of the forward pass. */
interface Differentiable {
  readonly forward: (x: Tensor) => Tensor;
  /** The gradient reads the input or the output. */
  readonly reads: 'input' | 'output';
  /** @param read what `reads` names */
  readonly backward: (dy: Tensor, read: Tensor) => Tensor;
}

const sigmoid = (x: Tensor): Tensor => run('Sigmoid', [], [x]);
const tanh = (x: Tensor): Tensor => run('Tanh', [], [x]);
const softplus = (x: Tensor): Tensor => run('Softplus', [], [x]);

/** x · gate(x). */
function gated(x: Tensor, gate: Tensor): Tensor {
  const y = multiply(x, gate);
  dispose(gate);
  return y;
}

function tanhOfSoftplus(x: Tensor): Tensor {
  const inner = softplus(x);
  const gate = tanh(inner);
  dispose(inner);
  return gate;
}

/**
 * The activations of block outputs: silu(x) = x·σ(x) (Elfwing et al. 2017, arXiv 1702.03118), mish(x) = x·tanh(softplus(x))
 * (Misra 2019, arXiv 1908.08681). Element by element, so the layout does not matter; 0 stays 0, as lanes behind a width must.
 */
export const activations: Readonly<Record<Activation, Differentiable>> = {
  relu: { forward: relu, reads: 'output', backward: reluGradient },
  silu: {
    forward: (x) => gated(x, sigmoid(x)),
    reads: 'input',
    // σ + x·σ·(1 - σ)
    backward: (dy, x) => gatedGradient(dy, sigmoid(x), (gate) => run('SigmoidGrad', [], [gate, x])),
  },
  mish: {
    forward: (x) => gated(x, tanhOfSoftplus(x)),
    reads: 'input',
    // t + x·(1 - t²)·σ
    backward: (dy, x) =>
      gatedGradient(dy, tanhOfSoftplus(x), (gate) => {
        const slope = run('TanhGrad', [], [gate, x]);
        const inner = sigmoid(x);
        const product = multiply(slope, inner);
        dispose(slope, inner);
        return product;
      }),
  },
};

/** dy · (gate + x·dgate/dx). @param rest x·dgate/dx, of the gate */
function gatedGradient(dy: Tensor, gate: Tensor, rest: (gate: Tensor) => Tensor): Tensor {
  const second = rest(gate);
  const slope = add(gate, second);
  const dx = multiply(dy, slope);
  dispose(gate, second, slope);
  return dx;
}
