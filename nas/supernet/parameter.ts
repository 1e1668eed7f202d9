import type { ParameterSpec } from '../space/layout.ts';
import { GradientSum } from './gradient-sum.ts';
import { fromInternal, lanedShape, padded, toInternal } from './memory-layout.ts';
import { Slices } from './slices.ts';
import { tensor } from './tensorflow.ts';
import type { DType, Tensor } from './tensorflow.ts';
import { Variable } from './variable.ts';

/**
 * One parameter of a supernet: its value and its momentum, the slices that subnets use, and the gradient that was gathered.
 * Outside (`read`, `assign` …) it has PyTorch's order, inside TensorFlow's, with lanes.
 */
export class Parameter implements ParameterSpec {
  readonly name: string;
  readonly role: ParameterSpec['role'];
  readonly kind: ParameterSpec['kind'];
  readonly stage: number;
  readonly group: number;
  readonly block: number;
  readonly shape: readonly number[];
  readonly slices: Slices;
  readonly gradient: GradientSum;
  readonly #value: Variable;
  #momentum: Variable | undefined;

  /**
   * @param initial in TensorFlow's order, without lanes; freed
   * @param precision of the activations that it meets
   */
  constructor(spec: ParameterSpec, initial: Tensor, precision: DType) {
    ({ name: this.name, role: this.role, kind: this.kind, shape: this.shape } = spec);
    ({ stage: this.stage, group: this.group, block: this.block } = spec);
    this.#value = new Variable(padded(initial, lanedShape(spec, precision)));
    this.slices = new Slices(spec, precision, this.#value);
    this.gradient = new GradientSum(this.#value.shape);
  }

  /** The float32 value, in TensorFlow's order and with its lanes; freed by the parameter's next change. */
  value(): Tensor {
    return this.#value.value();
  }

  /**
   * SGD with momentum, exactly PyTorch's: v ← momentum · v + g; value ← value − rate · (g + momentum · v) with Nesterov's
   * look-ahead, value − rate · v without.
   * @param gradient of `value`'s shape, weight decay and clipping already in it; not freed
   */
  applyMomentum(rate: number, momentum: number, gradient: Tensor, nesterov = true): void {
    this.slices.release();
    this.#value.applyMomentum(this.#velocity(), rate, momentum, gradient, nesterov);
  }

  /** The value in PyTorch's order. */
  read(): Float32Array {
    return fromInternal(this.#value.value(), this.shape);
  }

  /** The momentum in PyTorch's order; zeros before the first step. */
  readMomentum(): Float32Array {
    if (!this.#momentum) return new Float32Array(this.shape.reduce((product, size) => product * size, 1));
    const data = fromInternal(this.#momentum.value(), this.shape);
    this.#momentum.release();
    return data;
  }

  /** Sets the value, given in PyTorch's order. Throws RangeError for another number of elements. */
  assign(data: Float32Array): void {
    this.slices.release();
    this.#value.assign(padded(toInternal(this, data), this.#value.shape));
  }

  /** Sets the momentum, given in PyTorch's order. Throws RangeError for another number of elements. */
  assignMomentum(data: Float32Array): void {
    this.#velocity().assign(padded(toInternal(this, data), this.#value.shape));
  }

  dispose(): void {
    this.gradient.clear();
    this.slices.release();
    this.#value.dispose();
    this.#momentum?.dispose();
  }

  #velocity(): Variable {
    const { shape } = this.#value;
    const size = shape.reduce((product, extent) => product * extent, 1);
    return (this.#momentum ??= new Variable(tensor(new Float32Array(size), shape)));
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
    for (const { gradient } of this) gradient.clear();
  }

  /** Frees the slices made so far; passes make them anew. */
  releaseSlices(): void {
    for (const { slices } of this) slices.release();
  }

  dispose(): void {
    for (const parameter of this) parameter.dispose();
  }
}
