import type { ParameterSpec } from '../space/layout.ts';
import { internalShape, lanedShape, padded } from './memory-layout.ts';
import { cast, leading, memo } from './ops.ts';
import { dispose, keep } from './tensorflow.ts';
import type { DType, Tensor } from './tensorflow.ts';
import type { Variable } from './variable.ts';

/**
 * The leading parts of a parameter, as subnets use them (`weight[:out, :in]` in PyTorch's order), in the precision of computation
 * and with lanes behind out and in. Each is made once and shared until it is released.
 */
export class Slices {
  readonly #spec: ParameterSpec;
  readonly #precision: DType;
  readonly #variable: Variable;
  readonly #made = new Map<string, Tensor>();

  /**
   * @param precision of the activations that the parameter meets, in which convolutions get their weights
   * @param variable the parameter's value, with its lanes
   */
  constructor(spec: ParameterSpec, precision: DType, variable: Variable) {
    this.#spec = spec;
    this.#precision = precision;
    this.#variable = variable;
  }

  /** The slice, with zeros in the lanes behind it. */
  exact(out: number, input?: number): Tensor {
    const { shape } = this.#spec;
    const [size, laned, all] = [internalShape(shape, out, input), this.#laned(out, input), internalShape(shape)];
    // Behind the parameter's own end there are zeros already.
    const isClean = size.every((extent, axis) => extent === laned[axis] || extent === all[axis]);
    return isClean ? this.slab(out, input) : memo(this.#made, size.join(), () => keep(this.#cut(size, laned)));
  }

  /**
   * The slice, but the lanes behind it hold what the parameter has there: of no effect where those lanes of the activations are
   * zero, and shared by more subnets.
   */
  slab(out: number, input?: number): Tensor {
    const laned = this.#laned(out, input);
    return memo(this.#made, `slab ${laned.join()}`, () => {
      const isWhole = laned.join() === this.#variable.shape.join();
      return keep(isWhole ? this.#typed(this.#variable.value()) : this.#cut(laned, laned));
    });
  }

  /** As `exact`, but the caller's own. */
  copy(out: number, input?: number): Tensor {
    return this.#cut(internalShape(this.#spec.shape, out, input), this.#laned(out, input));
  }

  /** Frees what was made so far, and the variable's value with it. To be called before the parameter changes. */
  release(): void {
    dispose(...this.#made.values());
    this.#made.clear();
    this.#variable.release();
  }

  #laned(out: number, input?: number): number[] {
    return lanedShape(this.#spec, this.#precision, out, input);
  }

  /** The leading part of this size, with zeros up to the lanes. */
  #cut(size: readonly number[], laned: readonly number[]): Tensor {
    const part = padded(leading(this.#variable.value(), size), laned);
    const typed = this.#typed(part);
    if (typed !== part) dispose(part);
    return typed;
  }

  #typed(part: Tensor): Tensor {
    return this.#spec.kind === 'conv' && this.#precision !== 'float32' ? cast(part, this.#precision) : part;
  }
}
