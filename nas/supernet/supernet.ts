import { groupMaxima, stageGroups } from '../space/groups.ts';
import type { GroupMaximum } from '../space/groups.ts';
import { parameterLayout } from '../space/layout.ts';
import type { ParameterSpec } from '../space/layout.ts';
import { networkOf } from '../space/network.ts';
import type { Layer, Network, Place } from '../space/network.ts';
import { randomOf } from '../space/random.ts';
import type { Space, Subnet } from '../space/space.ts';
import { toInternal } from './memory-layout.ts';
import { Parameter, Parameters } from './parameter.ts';
import type { Tensor } from './tensorflow.ts';

/** bf16: convolutions and activations in bfloat16; weights, BN scales and statistics, and losses stay float32. */
type Precision = 'float32' | 'bf16';

export interface SupernetOptions {
  readonly space: Space;
  readonly classes: number;
  /** K: 1 is the one-shot supernet. */
  readonly groups: number;
  readonly precision?: Precision;
  /** Of batch normalisation. */
  readonly epsilon?: number;
}

/** A convolution's weight, and the scale and shift of the batch normalisation behind it. */
export interface ConvNormParameters {
  readonly weight: Parameter;
  readonly gamma: Parameter;
  readonly beta: Parameter;
}

/** All subnets of a space in one set of weights: each takes the leading channels of every parameter. */
export class Supernet {
  readonly space: Space;
  readonly classes: number;
  readonly groups: number;
  readonly precision: Precision;
  readonly epsilon: number;
  readonly parameters: Parameters;
  /** Per stage what each group holds. */
  readonly maxima: readonly (readonly GroupMaximum[])[];
  readonly #byPlace: ReadonlyMap<string, Parameter>;

  /**
   * A supernet with given values.
   * @param valueOf the value of a parameter in TensorFlow's order; taken over
   */
  constructor(options: SupernetOptions, valueOf: (spec: ParameterSpec) => Tensor) {
    ({ space: this.space, classes: this.classes, groups: this.groups } = options);
    this.precision = options.precision ?? 'float32';
    this.epsilon = options.epsilon ?? 1e-5;
    this.maxima = groupMaxima(this.space, this.groups);
    const dtype = this.precision === 'bf16' ? 'bfloat16' : 'float32';
    this.parameters = new Parameters(
      parameterLayout(this.space, this.groups, this.classes).map((spec) => new Parameter(spec, valueOf(spec), dtype)),
    );
    this.#byPlace = new Map([...this.parameters].map((parameter) => [placeKey(parameter, parameter.kind), parameter]));
  }

  /** A supernet at its start: values are a pure function of (seed, parameter name). */
  static build({ seed, ...options }: SupernetOptions & { readonly seed: number }): Supernet {
    let fanIn = 1;
    return new Supernet(options, (spec) => {
      // A bias follows the weight of its layer.
      if (spec.shape.length > 1) fanIn = spec.shape.slice(1).reduce((product, size) => product * size, 1);
      return toInternal(spec, initialValues(spec, fanIn, seed));
    });
  }

  /** The network of a subnet, with the group that each stage's weights are taken from. Throws BadInput where it is too wide. */
  networkOf(subnet: Subnet): Network {
    return networkOf(this.space, subnet, this.classes, stageGroups(this.maxima, subnet));
  }

  /** The parameters that a layer takes its leading channels of. */
  convNorm(at: At): ConvNormParameters {
    return { weight: this.parameter(at, 'conv'), gamma: this.parameter(at, 'norm'), beta: this.parameter(at, 'bias') };
  }

  classifier(at: At): { readonly weight: Parameter; readonly bias: Parameter } {
    return { weight: this.parameter(at, 'linear'), bias: this.parameter(at, 'bias') };
  }

  /** Throws RangeError for a layer that the supernet does not have. */
  parameter(at: At, kind: ParameterSpec['kind']): Parameter {
    const parameter = this.#byPlace.get(placeKey(at, kind));
    if (!parameter)
      throw new RangeError(`supernet: expected a layer of the space ${this.space.name}, got ${placeKey(at, kind)}`);
    return parameter;
  }

  /** Frees all parameters. */
  dispose(): void {
    this.parameters.dispose();
  }
}

/** A layer by its place. */
type At = Place & Pick<Layer, 'role'>;

function placeKey({ role, stage, group, block }: At, kind: ParameterSpec['kind']): string {
  return `${kind} of ${role} ${stage}/${group}/${block}`;
}

/**
 * Values a parameter starts with, a pure function of (seed, name): PyTorch's defaults, which the original keeps. Weights
 * and the linear layer's bias are uniform in ±1/√fan-in, BN scales 1 and shifts 0; the scale of every block's second BN
 * is 0, so that blocks start as the identity (BigNAS, arXiv 2003.11142, section 3).
 * @param fanIn inputs of one output of the layer that the parameter belongs to
 * @returns in PyTorch's order
 */
function initialValues({ name, role, kind, shape }: ParameterSpec, fanIn: number, seed: number): Float32Array {
  const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
  if (kind === 'norm') return values.fill(role === 'conv2' ? 0 : 1);
  if (kind === 'bias' && role !== 'classifier') return values;
  const random = randomOf(seed, name);
  const bound = 1 / Math.sqrt(fanIn);
  return values.map(() => bound * (2 * random.uniform() - 1));
}
