import { leading } from '../../nas/supernet/ops.ts';
import { internalShape } from '../../nas/supernet/memory-layout.ts';
import type { Parameter } from '../../nas/supernet/parameter.ts';
import { readFloats, scope } from '../../nas/supernet/tensorflow.ts';

/** A parameter's gradient without its lanes, in TensorFlow's order; undefined if there is none. */
export function ownGradient(parameter: Parameter): Float32Array | undefined {
  const gradient = parameter.gradient.total();
  return gradient && scope(() => readFloats(leading(gradient, internalShape(parameter.shape))));
}
