import type { LoopState } from './checkpoint.ts';
import type { StepResult } from './step.ts';

/** Sums over the steps of an epoch. They travel in checkpoints, so that a resumed epoch's means are the same bits. */
export class RunningSums {
  #sums = { loss: 0, top1: 0, top5: 0, images: 0 };

  /** @param state of the checkpoint that the epoch goes on from */
  constructor(state: LoopState = {}) {
    for (const key of ['loss', 'top1', 'top5', 'images'] as const) this.#sums[key] = Number(state[key] ?? 0);
  }

  add({ losses, top1, top5 }: StepResult, images: number): void {
    this.#sums.loss += losses[0]! * images;
    this.#sums.top1 += top1;
    this.#sums.top5 += top5;
    this.#sums.images += images;
  }

  /** Mean loss of the first net of each step. */
  get loss(): number {
    return this.#sums.loss / Math.max(1, this.#sums.images);
  }

  /** Shares of the images that the last net of each step had right. */
  get accuracies(): { top1: number; top5: number } {
    const images = Math.max(1, this.#sums.images);
    return { top1: this.#sums.top1 / images, top5: this.#sums.top5 / images };
  }

  state(): LoopState {
    return { ...this.#sums };
  }
}

const WINDOW = 20;

/** How fast an epoch goes, and what of it saving takes. Nothing that is measured here enters a result. */
export class Pace {
  readonly #began = performance.now();
  #saving = 0;
  #steps: number[] = [performance.now()];

  step(): void {
    this.#steps.push(performance.now());
    if (this.#steps.length > WINDOW) this.#steps.shift();
  }

  /** Does a piece of saving and counts its time. */
  async saving(save: () => Promise<void>): Promise<void> {
    const began = performance.now();
    await save();
    const took = performance.now() - began;
    this.#saving += took;
    // Saving does not slow a step down.
    this.#steps = this.#steps.map((at) => at + took);
  }

  /** Over the last steps. */
  get stepsPerSecond(): number {
    const seconds = (this.#steps.at(-1)! - this.#steps[0]!) / 1000;
    return seconds > 0 ? (this.#steps.length - 1) / seconds : 0;
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** For the log. */
  summary(): string {
    const share = (100 * this.#saving) / (performance.now() - this.#began);
    return `${this.seconds.toFixed(1)} s, ${share.toFixed(1)} % of it checkpoints`;
  }
}
