import type { ParameterSpec } from '../space/layout.ts';
import { randomOf } from '../space/random.ts';

/**
 * Values a parameter starts with, a pure function of (seed, name): PyTorch's defaults, which the original keeps. Weights
 * and the linear layer's bias are uniform in ±1/√fan-in, BN scales 1 and shifts 0; the scale of every block's second BN
 * is 0, so that blocks start as the identity (BigNAS, arXiv 2003.11142, section 3).
 * @param fanIn inputs of one output of the layer that the parameter belongs to
 * @returns in PyTorch's order
 */
export function initialValues(spec: ParameterSpec, fanIn: number, seed: number): Float32Array {
  const size = spec.shape.reduce((product, extent) => product * extent, 1);
  const values = new Float32Array(size);
  if (spec.kind === 'norm') return values.fill(spec.name.endsWith('.bn2.bn.weight') ? 0 : 1);
  if (spec.name.endsWith('.bn.bias')) return values;
  const random = randomOf(seed, spec.name);
  const bound = 1 / Math.sqrt(fanIn);
  for (let i = 0; i < size; i++) values[i] = bound * (2 * random.uniform() - 1);
  return values;
}
