import type { Parameter } from '../supernet/parameters.ts';
import { filterWeight } from '../supernet/minimal-filtering.ts';
import { dispose, keep } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import type { StageForm } from './stage-form.ts';

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
  use<T>(weight: Parameter, { out, input, stride }: Size, form: StageForm, body: (part: Tensor) => T): T {
    const key = `${weight.name}/${out}/${input}`;
    const kept = this.#kept.get(key);
    if (kept) return body(kept);
    const part = weight.part(out, input, form.dtype);
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

interface Size {
  readonly out: number;
  readonly input: number;
  readonly stride: number;
}
