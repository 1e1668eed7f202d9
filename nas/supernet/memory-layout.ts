import type { ParameterSpec } from '../space/layout.ts';
import { leading, padTo, transpose } from './ops.ts';
import { dispose, readFloats, tensor } from './tensorflow.ts';
import type { DType, Tensor } from './tensorflow.ts';

// How a parameter lies in TensorFlow's memory. Its axes have TensorFlow's order: HWIO for a convolution (PyTorch: OIHW), in × out
// for the linear layer (PyTorch: out × in). Behind its channels there are zeros up to a full lane.

/**
 * Channels that activations of `width` channels are computed with: the next multiple of four, of sixteen in bfloat16 or
 * past 32. oneDNN's batch normalisation takes up to ten times as long on other widths (8×8×104 for 64 images: 0.78 ms in
 * float32 and 2.01 in bfloat16, 8×8×112: 0.22 and 0.12), and its convolutions fill vectors of sixteen anyway.
 * The channels behind `width` hold zeros, and so do their gradients: their weights, scales and shifts are zero.
 */
export function lanes(width: number, dtype: DType): number {
  const grain = dtype === 'bfloat16' || width > 32 ? 16 : 4;
  return Math.ceil(width / grain) * grain;
}

/** Of a parameter with this shape in PyTorch's order: the shape of its leading part in TensorFlow's. */
export function internalShape(shape: readonly number[], out = shape[0]!, input = shape[1] ?? 1): number[] {
  const [, , height, width] = shape;
  if (height !== undefined && width !== undefined) return [height, width, input, out];
  return shape.length === 2 ? [input, out] : [out];
}

/**
 * As `internalShape`, with lanes for the activations that the parameter meets.
 * @param dtype of those activations. Images and logits have no lanes
 */
export function lanedShape({ role, shape }: Layout, dtype: DType, out = shape[0]!, input = shape[1] ?? 1): number[] {
  return internalShape(
    shape,
    role === 'classifier' ? out : lanes(out, dtype),
    role === 'stem' ? input : lanes(input, dtype),
  );
}

type Layout = Pick<ParameterSpec, 'role' | 'shape'>;

/** A parameter's values from PyTorch's order to TensorFlow's, without lanes. */
export function toInternal({ name, shape }: Pick<ParameterSpec, 'name' | 'shape'>, data: Float32Array): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (data.length !== size) {
    throw new RangeError(`${name}: expected ${size} values (${shape.join('×')}), got ${data.length}`);
  }
  // A copy, since the variable may share the array's memory and changes in place.
  if (shape.length === 1) return tensor(data.slice(), shape);
  const given = tensor(data, shape);
  const turned = transpose(given, shape.length === 4 ? [2, 3, 1, 0] : [1, 0]);
  dispose(given);
  return turned;
}

/** A parameter's values from TensorFlow's order, lanes left out, to PyTorch's. @param shape in PyTorch's order */
export function fromInternal(value: Tensor, shape: readonly number[]): Float32Array {
  const own = leading(value, internalShape(shape));
  const turned = shape.length === 1 ? own : transpose(own, shape.length === 4 ? [3, 2, 0, 1] : [1, 0]);
  const data = readFloats(turned);
  dispose(own, turned);
  return data;
}

/** x with zeros behind it up to the shape, x freed; x itself where it has the shape. */
export function padded(x: Tensor, shape: readonly number[]): Tensor {
  if (x.shape.join() === shape.join()) return x;
  const whole = padTo(x, shape);
  dispose(x);
  return whole;
}
