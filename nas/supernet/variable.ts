import { scalar } from './ops.ts';
import { attribute, dispose, keep, run, runEffect } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

// The name by which TensorFlow knows a variable without a name: it is freed with its last handle.
const ANONYMOUS = attribute.string('shared_name', 'cd2c89b7-88b7-44c8-ad83-06c2a9158347');
const READ = [attribute.type('dtype', 'float32')];
const NESTEROV = [attribute.bool('use_nesterov', true)];
const HEAVY_BALL = [attribute.bool('use_nesterov', false)];

/** A float32 value that is changed in place. */
export class Variable {
  readonly shape: readonly number[];
  readonly #resource: Tensor;
  #value: Tensor | undefined;

  /** Starts as `initial`, which it frees. */
  constructor(initial: Tensor) {
    this.shape = initial.shape;
    const attributes = [attribute.type('dtype', 'float32'), attribute.shape('shape', initial.shape), ANONYMOUS];
    this.#resource = keep(run('VarHandleOp', attributes, []));
    this.assign(initial);
  }

  /** The value until the next change, which frees this tensor. */
  value(): Tensor {
    return (this.#value ??= keep(run('ReadVariableOp', READ, [this.#resource])));
  }

  /** Takes the value over and frees the tensor. */
  assign(value: Tensor): void {
    this.release();
    runEffect('AssignVariableOp', [], [this.#resource, value]);
    dispose(value);
  }

  /**
   * One step of SGD with momentum as PyTorch defines it, in place: v ← momentum · v + g, then
   * value ← value − rate · (g + momentum · v) with Nesterov's look-ahead, value − rate · v without.
   */
  applyMomentum(velocity: Variable, rate: number, momentum: number, gradient: Tensor, nesterov: boolean): void {
    // A value read before shares the variable's memory; while it lives, TensorFlow would copy instead of changing in place.
    this.release();
    velocity.release();
    const inputs = [this.#resource, velocity.#resource, scalar(rate), gradient, scalar(momentum)];
    runEffect('ResourceApplyMomentum', nesterov ? NESTEROV : HEAVY_BALL, inputs);
  }

  /** Frees the tensor that `value` returned. */
  release(): void {
    if (this.#value) dispose(this.#value);
    this.#value = undefined;
  }

  dispose(): void {
    this.release();
    dispose(this.#resource);
  }
}
