import { mapSize, stemReduction } from '../../space/network.ts';
import type { ConvNorm } from '../../space/network.ts';
import { widths } from '../../space/space.ts';
import { conv2d } from '../../supernet/convolution.ts';
import { filter, filterWeight } from '../../supernet/minimal-filtering.ts';
import { cast, transpose } from '../../supernet/ops.ts';
import type { Parameter } from '../../supernet/parameter.ts';
import type { Supernet } from '../../supernet/supernet.ts';
import { dispose, isOnGpu, keep } from '../../supernet/tensorflow.ts';
import type { DType, Tensor } from '../../supernet/tensorflow.ts';

/** How the activations of a stage lie in memory, and so how its convolutions are computed. */
export interface StageForm {
  /** `images`: [n, h, w, c], plain convolutions; `maps`: [h, w, n, c], minimal filtering. */
  readonly layout: 'images' | 'maps';
  readonly dtype: DType;
  /** Height and width of its maps. */
  readonly size: number;
}

/** Narrower convolutions spend more on changing into points and back than filtering saves. */
const NARROW = 64;
/** The largest maps for which filtering was the faster one, measured for 88 to 512 channels on two cores. */
const LARGEST = 16;
/** In bf16, where plain convolutions are faster too. */
const LARGEST_BF16 = 4;

/** Of the images that enter the stages, and of each stage. */
export interface Forms {
  readonly images: StageForm;
  readonly stages: readonly StageForm[];
}

/** The fastest forms for images of side². On a GPU the library chooses the algorithm by itself. */
export function formsOf({ space, precision }: Supernet, side: number): Forms {
  const dtype = precision === 'bf16' ? 'bfloat16' : 'float32';
  let reduction = stemReduction(space);
  const images: StageForm = { layout: 'images', dtype, size: mapSize(side, { reduction }) };
  const stages = space.stages.map(({ stride }, stage): StageForm => {
    reduction *= stride;
    const size = mapSize(side, { reduction });
    const isSmall = size > 1 && size <= (precision === 'bf16' ? LARGEST_BF16 : LARGEST);
    if (isOnGpu() || !isSmall || widths(space, stage)[0]! <= NARROW) return { ...images, size };
    return { layout: 'maps', dtype, size };
  });
  return { images, stages };
}

/**
 * x, images where the stride is 2 and else in the form, → the form, not normalised yet.
 * @param weight as the walk's cache gives it
 */
export function convolve(x: Tensor, weight: Tensor, stride: number, form: StageForm): Tensor {
  if (form.layout === 'maps' && weight.shape.length === 3) return filter(x, weight);
  const y = conv2d(x, weight, stride);
  if (stride === 1) return y;
  const turned = reformed(y, { ...form, layout: 'images' }, form);
  if (turned !== y) dispose(y);
  return turned;
}

/** x in another form; x itself where it has it already. */
export function reformed(x: Tensor, from: StageForm, to: Pick<StageForm, 'layout' | 'dtype'>): Tensor {
  const typed = from.dtype === to.dtype ? x : cast(x, to.dtype);
  if (from.layout === to.layout) return typed;
  const turned = transpose(typed, to.layout === 'maps' ? [1, 2, 0, 3] : [2, 0, 1, 3]);
  if (typed !== x) dispose(typed);
  return turned;
}

/** A gibibyte in float32. */
const MOST_ELEMENTS = 2 ** 28;

/**
 * Parts of convolutions' weights as a walk uses them. Those met first stay, up to a limit, so that memory does not grow with
 * the number of subnets; the others are made anew for each use. (A walk goes round: what was not used for the longest time is
 * what comes next, so there is nothing better to throw away.)
 */
export class WeightCache {
  readonly #kept = new Map<string, Tensor>();
  readonly #most: number;
  #elements = 0;

  /** @param most elements that stay */
  constructor(most = MOST_ELEMENTS) {
    this.#most = most;
  }

  /** Calls `body` with the part: what `filter` takes where it serves, else [k, k, lanes(in), lanes(out)]. */
  use<T>(weight: Parameter, layer: Size, form: StageForm, body: (part: Tensor) => T): T {
    const { in: input, out, stride } = layer;
    const key = `${weight.name}/${out}/${input}`;
    const kept = this.#kept.get(key);
    if (kept) return body(kept);
    const part = weight.slices.copy(out, input);
    const isFiltered = form.layout === 'maps' && weight.shape[2] === 3 && stride === 1;
    const made = isFiltered ? filterWeight(part, form.size) : part;
    if (made !== part) dispose(part);
    const elements = made.shape.reduce((product, size) => product * size, 1);
    if (this.#elements + elements > this.#most) {
      const result = body(made);
      dispose(made);
      return result;
    }
    this.#elements += elements;
    this.#kept.set(key, keep(made));
    return body(made);
  }

  dispose(): void {
    dispose(...this.#kept.values());
    this.#kept.clear();
    this.#elements = 0;
  }
}

type Size = Pick<ConvNorm, 'in' | 'out' | 'stride'>;
