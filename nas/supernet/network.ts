import { groupMaxima, parameterLayout, stageGroups } from '../space/layout.ts';
import type { ParameterSpec } from '../space/layout.ts';
import type { Random } from '../space/random.ts';
import { placedBlocks } from '../space/space.ts';
import type { Space, Subnet } from '../space/space.ts';
import { moduleOf } from './block.ts';
import type { GroupedBlock } from './block.ts';
import { initialValues } from './initialisation.ts';
import { dropConnectMask, dropoutMask } from './masks.ts';
import { gatherModules } from './modules.ts';
import type { Modules } from './modules.ts';
import { cast } from './ops.ts';
import { Parameter, Parameters, toInternal } from './parameters.ts';
import { resizeBicubic } from './pooling.ts';
import { scope } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';
import {
  trainedBlockBackward,
  trainedBlockForward,
  trainedHeadBackward,
  trainedHeadForward,
  trainedStemBackward,
  trainedStemForward,
} from './trained.ts';
import type { BlockRecord, HeadRecord, StemRecord } from './trained.ts';

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

export interface ForwardOptions {
  /** Side that the images are resized to, bicubic; as they come if absent. */
  readonly resolution?: number;
  /** Of the pooled features. */
  readonly dropout?: { readonly rate: number; readonly random: Random };
  /** Whole branches of single samples, at a rate that rises with depth. */
  readonly dropConnect?: { readonly rate: number; readonly onlyLastTwoStages: boolean; readonly random: Random };
}

/** What `backward` needs of one `forward`; it serves once. */
interface Tape {
  readonly stem: StemRecord;
  readonly blocks: readonly BlockRecord[];
  readonly head: HeadRecord;
}

/** All subnets of a space in one set of weights: each takes the leading channels of every parameter. */
export class Supernet {
  readonly space: Space;
  readonly classes: number;
  readonly groups: number;
  readonly precision: Precision;
  readonly epsilon: number;
  readonly parameters: Parameters;
  readonly modules: Modules;
  /** Per stage the largest out channel of each group. */
  readonly maxima: readonly (readonly number[])[];

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
    this.modules = gatherModules(this.space, this.groups, this.parameters);
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

  /** The blocks of a subnet with the group that each stage's weights are taken from. */
  blocksOf(subnet: Subnet): GroupedBlock[] {
    const groups = stageGroups(this.maxima, subnet);
    return placedBlocks(this.space, subnet).map((at) => ({ ...at, group: groups[at.stage]! }));
  }

  /**
   * Training's forward pass of a subnet, under the batch's own statistics.
   * @param images [n, h, w, channels] in float32, normalised; not freed
   * @returns logits [n, classes] in float32, and the tape for `backward`. Both belong to the scope around.
   * @throws RangeError for a subnet wider than the supernet, or images of another space
   */
  forward(images: Tensor, subnet: Subnet, options: ForwardOptions = {}): { logits: Tensor; tape: Tape } {
    const { resolution, dropout, dropConnect } = options;
    if (images.shape[3] !== this.space.channels) {
      throw new RangeError(`images: expected ${this.space.channels} channels, got [${images.shape.join()}]`);
    }
    const owned: Tensor[] = [];
    const derive = (made: Tensor): Tensor => {
      owned.push(made);
      return made;
    };
    let input = images;
    if (resolution !== undefined && resolution !== images.shape[1]) input = derive(resizeBicubic(images, resolution));
    if (this.precision === 'bf16') input = derive(cast(input, 'bfloat16'));
    const stem = trainedStemForward(this, input, subnet.stem, owned);
    let x = stem.y;
    const at = this.blocksOf(subnet);
    const blocks = at.map((block) => {
      const mask = dropConnect ? dropConnectMask(this.space, block, x, dropConnect) : null;
      const record = trainedBlockForward(moduleOf(this, block), x, block, this.epsilon, mask);
      x = record.y;
      return record;
    });
    const last = at.at(-1)!;
    const mask = dropout ? dropoutMask([x.shape[0]!, x.shape[3]!], dropout) : null;
    const { logits, record } = trainedHeadForward(this, x, last.out, last.group, mask);
    return { logits, tape: { stem, blocks, head: record } };
  }

  /**
   * Adds the gradients of all parameters that the subnet used, and frees the tape.
   * @param gradient dLoss/dlogits [n, classes]; not freed
   */
  backward({ stem, blocks, head }: Tape, gradient: Tensor): void {
    scope(() => {
      let dx = trainedHeadBackward(this, head, gradient);
      for (const record of blocks.toReversed()) dx = trainedBlockBackward(record, dx);
      trainedStemBackward(stem, dx);
    });
  }

  /** Frees all parameters. */
  dispose(): void {
    this.parameters.dispose();
  }
}
