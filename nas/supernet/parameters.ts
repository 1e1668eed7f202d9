import type { ParameterSpec } from '../space/layout.ts';
import { STEM } from '../space/space.ts';
import { lanes } from './lanes.ts';
import { addN, cast, leading, memo, padTo, transpose } from './ops.ts';
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
  /** Of the activations that it meets. */
  readonly #precision: DType;
  /** Shape of what is stored, in TensorFlow's order: zeros behind the parameter up to its lanes. */
  readonly #stored: readonly number[];
  readonly #variable: Variable;
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
    this.#precision = precision;
    const [out = 1, input = 1] = spec.shape;
    this.#stored = internalShape(spec.shape, this.#lanesOut(out), this.#lanesIn(input));
    this.#variable = new Variable(padded(initial, this.#stored));
  }

  /** The float32 value, in TensorFlow's order and with its lanes; freed by the parameter's next change. */
  value(): Tensor {
    return this.#variable.value();
  }

  /**
   * The leading part that a subnet uses (`weight[:out, :input]` in PyTorch's order), in the precision of computation and
   * with zeros up to the lanes of out and input. Made once and shared until the parameter changes or `releaseSlices`.
   */
  slice(out: number, input = this.shape[1] ?? 1): Tensor {
    return memo(this.#slices, out * 65536 + input, () => {
      // Behind the parameter's own end there are zeros already.
      const isCleanOut = out === this.shape[0] || out === this.#lanesOut(out);
      const isCleanIn = input === (this.shape[1] ?? 1) || input === this.#lanesIn(input);
      return isCleanOut && isCleanIn ? this.slab(out, input) : this.#cut(out, input, out, input);
    });
  }

  /**
   * As `slice`, but the lanes behind out and input hold what the parameter has there: of no effect where those lanes of
   * the activations are zero, and shared by more subnets.
   */
  slab(out: number, input = this.shape[1] ?? 1): Tensor {
    const [lanesOut, lanesIn] = [this.#lanesOut(out), this.#lanesIn(input)];
    return memo(this.#slices, -(lanesOut * 65536 + lanesIn), () => this.#cut(lanesOut, lanesIn, out, input));
  }

  /** As `slice` of a convolution's weight, but the caller's own and of the type asked for. */
  part(out: number, input: number, dtype: DType): Tensor {
    const part = leading(this.value(), internalShape(this.shape, out, input));
    const laned = padded(part, internalShape(this.shape, this.#lanesOut(out), this.#lanesIn(input)));
    if (dtype === 'float32') return laned;
    const typed = cast(laned, dtype);
    dispose(laned);
    return typed;
  }

  /** The leading part of this size, with zeros up to the lanes of out and input. */
  #cut(sizeOut: number, sizeIn: number, out: number, input: number): Tensor {
    const value = this.value();
    const size = internalShape(this.shape, sizeOut, sizeIn);
    const laned = internalShape(this.shape, this.#lanesOut(out), this.#lanesIn(input));
    const part = size.join() === this.#stored.join() ? value : padded(leading(value, size), laned);
    const slice = this.kind === 'conv' && this.#precision === 'bfloat16' ? cast(part, 'bfloat16') : part;
    if (part !== value && part !== slice) dispose(part);
    return keep(slice);
  }

  #lanesOut(out: number): number {
    return this.kind === 'conv' || this.name.includes('.bn.') ? lanes(out, this.#precision) : out;
  }

  #lanesIn(input: number): number {
    return this.shape.length > 1 && this.stage !== STEM ? lanes(input, this.#precision) : input;
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
   * The sum of what was accumulated, of `value`'s shape and zero where no slice reached; undefined if nothing
   * was. Owned by the parameter until `zeroGradient`.
   */
  gradient(): Tensor | undefined {
    // Slices of one size are added before they are padded.
    const bySize = new Map<string, Tensor[]>();
    for (const part of this.#gathered) memo(bySize, part.shape.join(), () => []).push(part);
    const parts = [...bySize.values()].map((same) => padded(total(same), this.#stored));
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
   * @param gradient of `value`'s shape, weight decay and clipping already in it; not freed
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
    this.#variable.assign(padded(toInternal(this, data), this.#stored));
  }

  assignMomentum(data: Float32Array): void {
    this.#momentum().assign(padded(toInternal(this, data), this.#stored));
  }

  dispose(): void {
    this.zeroGradient();
    this.releaseSlices();
    this.#variable.dispose();
    this.#velocity?.dispose();
  }

  #momentum(): Variable {
    return (this.#velocity ??= new Variable(tensor(new Float32Array(elements(this.#stored)), this.#stored)));
  }

  #outside(variable: Variable): Float32Array {
    const own = leading(variable.value(), internalShape(this.shape));
    const { length } = this.shape;
    const turned = length === 1 ? own : transpose(own, length === 4 ? [3, 2, 0, 1] : [1, 0]);
    const data = readFloats(turned);
    dispose(own, turned);
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

/** x with zeros behind it up to the shape, x freed; x itself where it has the shape. */
function padded(x: Tensor, shape: readonly number[]): Tensor {
  if (x.shape.join() === shape.join()) return x;
  const whole = padTo(x, shape);
  dispose(x);
  return whole;
}

function total(terms: readonly Tensor[]): Tensor {
  if (terms.length === 1) return terms[0]!;
  const sum = addN(terms);
  dispose(...terms);
  return sum;
}
