import type { ParameterSpec } from '../space/layout.ts';
import { STEM } from '../space/space.ts';
import { memo } from './constants.ts';
import { lanes } from './lanes.ts';
import { addN, cast, leading, padTo, transpose } from './ops.ts';
import { dispose, keep, readFloats, tensor } from './tensorflow.ts';
import type { DType, Tensor } from './tensorflow.ts';
import { Variable } from './variable.ts';

/**
 * One parameter of a supernet: its value, its momentum and the gradient gathered so far.
 * Outside (`read`, `assign`) it has PyTorch's order, inside TensorFlow's: HWIO for a convolution, in × out for a linear
 * layer.
 */
export class Parameter implements ParameterSpec {
  readonly name: string;
  readonly kind: ParameterSpec['kind'];
  readonly stage: number;
  readonly group: number;
  readonly block: number;
  readonly shape: readonly number[];
  readonly #variable: Variable;
  /** Of the activations that it meets. */
  readonly #precision: DType;
  #velocity: Variable | undefined;
  #slices = new Map<number, Tensor>();
  #gathered: Tensor[] = [];

  /**
   * @param initial in TensorFlow's order; freed
   * @param precision of activations, in which convolutions get their weights
   */
  constructor(spec: ParameterSpec, initial: Tensor, precision: DType) {
    ({ name: this.name, kind: this.kind, stage: this.stage, group: this.group, block: this.block } = spec);
    this.shape = spec.shape;
    this.#variable = new Variable(initial);
    this.#precision = precision;
  }

  /** The float32 value, in TensorFlow's order; owned by the parameter and freed by its next change. */
  value(): Tensor {
    return this.#variable.value();
  }

  /**
   * The leading part that a subnet uses (`weight[:out, :input]` in PyTorch's order), in the precision of computation and
   * with zeros up to the lanes of out and input. Made once and shared until the parameter changes or `releaseSlices`.
   */
  slice(out: number, input = this.shape[1] ?? 1): Tensor {
    const key = out * 65536 + input;
    return memo(this.#slices, key, () => this.#cut(out, input));
  }

  #cut(out: number, input: number): Tensor {
    const value = this.value();
    const used = fit(value, internalShape(this.shape, out, input));
    const laned = fit(used, internalShape(this.shape, this.#lanesOut(out), this.#lanesIn(input)));
    const isHalved = this.kind === 'conv' && this.#precision === 'bfloat16';
    const slice = isHalved ? cast(laned, 'bfloat16') : laned;
    for (const step of new Set([used, laned])) if (step !== value && step !== slice) dispose(step);
    return slice === value ? value : keep(slice);
  }

  #lanesOut(out: number): number {
    return this.kind === 'linear' ? out : lanes(out, this.#precision);
  }

  #lanesIn(input: number): number {
    return this.shape.length === 1 || this.stage === STEM ? input : lanes(input, this.#precision);
  }

  releaseSlices(): void {
    for (const slice of this.#slices.values()) dispose(slice);
    this.#slices.clear();
    this.#variable.release();
  }

  /** Adds the gradient of a slice, lanes included, which it takes over: the caller must not use or free it. */
  accumulate(gradient: Tensor): void {
    if (gradient.dtype === 'float32') {
      this.#gathered.push(keep(gradient));
      return;
    }
    this.#gathered.push(keep(cast(gradient, 'float32')));
    dispose(gradient);
  }

  /**
   * The sum of what was accumulated, of the whole parameter's shape and zero where no slice reached; undefined if nothing
   * was. Owned by the parameter until `zeroGradient`.
   */
  gradient(): Tensor | undefined {
    // Slices of one size are added before they are padded. What a lane behind the slice gathered is zero.
    const bySize = new Map<string, Tensor[]>();
    for (const part of this.#gathered) memo(bySize, part.shape.join(), () => []).push(part);
    const whole = internalShape(this.shape);
    const parts = [...bySize.values()].map((same) => {
      const sum = total(same);
      const fitted = fit(sum, whole);
      if (fitted !== sum) dispose(sum);
      return fitted;
    });
    if (parts.length === 0) return undefined;
    const sum = keep(total(parts));
    this.#gathered = [sum];
    return sum;
  }

  zeroGradient(): void {
    dispose(...this.#gathered);
    this.#gathered = [];
  }

  /**
   * SGD with Nesterov momentum, exactly PyTorch's: v ← momentum · v + g; value ← value − rate · (g + momentum · v).
   * @param gradient of the whole parameter's shape, weight decay and clipping already in it; not freed
   */
  applyMomentum(rate: number, momentum: number, gradient: Tensor, nesterov = true): void {
    this.releaseSlices();
    this.#variable.applyMomentum(this.#momentum(), rate, momentum, gradient, nesterov);
  }

  /** The value in PyTorch's order. */
  read(): Float32Array {
    return this.#outside(this.#variable);
  }

  /** The momentum in PyTorch's order; zeros before the first step. */
  readMomentum(): Float32Array {
    if (!this.#velocity) return new Float32Array(elements(this.shape));
    const data = this.#outside(this.#velocity);
    this.#velocity.release();
    return data;
  }

  /** Sets the value, given in PyTorch's order. Throws RangeError for another number of elements. */
  assign(data: Float32Array): void {
    this.releaseSlices();
    this.#variable.assign(toInternal(this, data));
  }

  assignMomentum(data: Float32Array): void {
    this.#momentum().assign(toInternal(this, data));
  }

  dispose(): void {
    this.zeroGradient();
    this.releaseSlices();
    this.#variable.dispose();
    this.#velocity?.dispose();
  }

  #momentum(): Variable {
    return (this.#velocity ??= new Variable(toInternal(this, new Float32Array(elements(this.shape)))));
  }

  #outside(variable: Variable): Float32Array {
    const { length } = this.shape;
    if (length === 1) return readFloats(variable.value());
    const turned = transpose(variable.value(), length === 4 ? [3, 2, 0, 1] : [1, 0]);
    const data = readFloats(turned);
    dispose(turned);
    return data;
  }
}

/** All parameters of a supernet, in the original's order. */
export class Parameters implements Iterable<Parameter> {
  readonly #byName: ReadonlyMap<string, Parameter>;

  constructor(all: readonly Parameter[]) {
    this.#byName = new Map(all.map((parameter) => [parameter.name, parameter]));
  }

  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.#byName.values();
  }

  /** Throws RangeError for a name it does not have. */
  get(name: string): Parameter {
    const parameter = this.#byName.get(name);
    if (!parameter) throw new RangeError(`supernet: expected one of its parameters, got '${name}'`);
    return parameter;
  }

  zeroGradients(): void {
    for (const parameter of this) parameter.zeroGradient();
  }

  /** Frees the slices handed out so far; forward passes make them anew. */
  releaseSlices(): void {
    for (const parameter of this) parameter.releaseSlices();
  }

  dispose(): void {
    for (const parameter of this) parameter.dispose();
  }
}

/** Of a parameter with this shape in PyTorch's order: the shape of its leading part in TensorFlow's. */
export function internalShape(shape: readonly number[], out = shape[0]!, input = shape[1] ?? 1): number[] {
  const [, , height, width] = shape;
  if (height !== undefined && width !== undefined) return [height, width, input, out];
  return shape.length === 2 ? [input, out] : [out];
}

/** A parameter's values from PyTorch's order to TensorFlow's. */
export function toInternal({ name, shape }: ParameterSpec, data: Float32Array): Tensor {
  if (data.length !== elements(shape)) {
    throw new RangeError(`${name}: expected ${elements(shape)} values (${shape.join('×')}), got ${data.length}`);
  }
  // A copy, since the variable may share the array's memory and changes in place.
  if (shape.length === 1) return tensor(data.slice(), shape);
  const given = tensor(data, shape);
  const turned = transpose(given, shape.length === 4 ? [2, 3, 1, 0] : [1, 0]);
  dispose(given);
  return turned;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** x cut to the shape where it is larger, with zeros behind it where it is smaller; x itself where it fits. */
function fit(x: Tensor, shape: readonly number[]): Tensor {
  const common = x.shape.map((size, axis) => Math.min(size, shape[axis]!));
  const cut = common.some((size, axis) => size < x.shape[axis]!) ? leading(x, common) : x;
  if (common.every((size, axis) => size === shape[axis])) return cut;
  const padded = padTo(cut, shape);
  if (cut !== x) dispose(cut);
  return padded;
}

function total(terms: readonly Tensor[]): Tensor {
  if (terms.length === 1) return terms[0]!;
  const sum = addN(terms);
  dispose(...terms);
  return sum;
}
