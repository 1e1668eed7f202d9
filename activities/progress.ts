import { Phase } from '../nas/process/protocol.ts';
import type { Progress } from '../nas/process/protocol.ts';

// What a process tells of its progress: where it is, how long each phase takes, whether it gets on.

/** `training, epoch 2, step 17 of 156`; epochs count from 0. */
export function placeOf({ phase, epoch, step, steps, subnets, subnetsTotal }: Progress): string {
  if (subnets !== undefined)
    return `${phase}, subnet ${subnets}${subnetsTotal === undefined ? '' : ` of ${subnetsTotal}`}`;
  return `${phase}, epoch ${epoch}, step ${step}${steps > 0 ? ` of ${steps}` : ''}`;
}

/** Adds up how long a process is in each phase. What is measured here enters no result. */
export class PhaseClock {
  readonly #ms = new Map<string, number>();
  #phase: string | null = null;
  #since = 0;

  /** The process is in that phase from now on; null once it has ended. */
  enter(phase: string | null): void {
    const now = performance.now();
    if (this.#phase !== null) this.#ms.set(this.#phase, (this.#ms.get(this.#phase) ?? 0) + now - this.#since);
    [this.#phase, this.#since] = [phase, now];
  }

  /** Seconds by phase, to a millisecond; null where there were none. */
  seconds(): Record<string, number> | null {
    return this.#ms.size === 0
      ? null
      : Object.fromEntries([...this.#ms].map(([phase, ms]) => [phase, Math.round(ms) / 1000]));
  }
}

/** Until a phase has shown its pace: a first step compiles, reads data, waits for a busy machine. */
const UNKNOWN_PACE_MS = 30 * 60_000;
/** Never called stalled before this. */
const LEAST_MS = 60_000;
const TIMES_MEDIAN = 20;
const STEPS_TO_KNOW_PACE = 5;
const STEPS_KEPT = 200;

/**
 * Tells a process that lives from one that gets on: stalled is one whose counts have not moved for many times its median
 * step time, each phase at its own pace. Times are milliseconds of any clock.
 */
export class StallWatch {
  readonly #leastMs: number;
  readonly #steps = new Map<Phase, number[]>(Phase.options.map((phase) => [phase, []]));
  #phase: Phase = 'loading';
  #position = '';
  #movedAt: number;

  constructor(startedAt: number, leastMs = LEAST_MS) {
    this.#movedAt = startedAt;
    this.#leastMs = leastMs;
  }

  /** Takes a report; only changed counts are progress. */
  take({ phase, epoch, step, subnets = 0 }: Pick<Progress, 'phase' | 'epoch' | 'step' | 'subnets'>, at: number): void {
    const position = `${phase} ${epoch} ${step} ${subnets}`;
    if (position === this.#position) return;
    const steps = this.#steps.get(phase);
    if (phase === this.#phase) steps?.push(at - this.#movedAt);
    if ((steps?.length ?? 0) > STEPS_KEPT) steps?.shift();
    this.#phase = phase;
    this.#position = position;
    this.#movedAt = at;
  }

  /** How long nothing has moved if that is too long, else null. */
  stalledMs(at: number): number | null {
    const still = at - this.#movedAt;
    return still > this.#patience() ? still : null;
  }

  #patience(): number {
    const steps = this.#steps.get(this.#phase) ?? [];
    if (steps.length < STEPS_TO_KNOW_PACE) return UNKNOWN_PACE_MS;
    const median = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
    return Math.max(this.#leastMs, TIMES_MEDIAN * median);
  }
}
