import { leading } from '../../nas/supernet/ops.ts';
import { internalShape } from '../../nas/supernet/parameters.ts';
import type { Parameter } from '../../nas/supernet/parameters.ts';
import { readFloats, scope } from '../../nas/supernet/tensorflow.ts';

/** A parameter's gradient without its lanes, in TensorFlow's order; undefined if there is none. */
export function ownGradient(parameter: Parameter): Float32Array | undefined {
  const gradient = parameter.gradient();
  return gradient && scope(() => readFloats(leading(gradient, internalShape(parameter.shape))));
}
