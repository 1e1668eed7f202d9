import type { Work } from '../../runs/run.ts';
import type { Progress } from '../../nas/process/protocol.ts';
import { duration, epochOf, tau } from '../../report/format.ts';

/** How much of a stage (or cell) is done, 0..1. */
export function fractionOf({ phase, epoch, epochs, step, steps, subnets, subnetsTotal }: Progress): number {
  const done = subnetsTotal === undefined ? part(step, steps) : part(subnets ?? 0, subnetsTotal);
  if (epochs === 0) return done;
  // What follows the steps of an epoch (its test, its files) is short beside them.
  const inEpoch = phase === 'training' ? part(step, steps) : phase === 'loading' ? 0 : 1;
  return (epoch + inEpoch) / epochs;
}

function part(done: number, all: number): number {
  return all > 0 ? done / all : 0;
}

/**
 * How far a piece of work is by its last heartbeat, in figures that it has: epoch, step, rates, loss, tau, the time left
 * and the attempt. `left` is that time as it was seen to pass, in milliseconds; without it the reported rate has to do.
 */
export function workInWords({ progress, ranks, attempt }: Work, left: number | null): string[] {
  const time = left === null ? (progress === null ? '' : timeAtRate(progress)) : `ETA ${duration(left)}`;
  return [
    ...(progress === null ? [] : figuresOf(progress)),
    time,
    ranks === undefined ? '' : `${ranks.count} ranks on ${ranks.worker}`,
    attempt > 1 ? `attempt ${attempt}` : '',
  ].filter((words) => words !== '');
}

// Of an epoch only the steps have a known rate; its test and its files come on top.
function timeAtRate({ phase, epoch, epochs, step, steps, stepsPerSecond, ...evaluation }: Progress): string {
  const { subnets = 0, subnetsTotal, subnetsPerSecond } = evaluation;
  if (phase === 'training' && stepsPerSecond !== undefined && stepsPerSecond > 0) {
    return `ETA ≥ ${duration((1000 * ((epochs - epoch) * steps - step)) / stepsPerSecond)}`;
  }
  if (subnetsTotal === undefined || subnetsPerSecond === undefined || subnetsPerSecond === 0) return '';
  return `ETA ${epochs > 0 ? '≥ ' : ''}${duration((1000 * (subnetsTotal - subnets)) / subnetsPerSecond)}`;
}

function figuresOf(progress: Progress): string[] {
  const { phase, epoch, epochs, step, steps, stepsPerSecond, subnets, subnetsTotal, subnetsPerSecond, loss } = progress;
  return [
    epochs > 0 ? `epoch ${epochOf(epoch, epochs)}` : '',
    phase === 'training' ? `step ${step}/${steps}` : phase,
    subnetsTotal === undefined ? '' : `${subnets ?? 0}/${subnetsTotal} subnets`,
    phase === 'training' && stepsPerSecond !== undefined ? `${stepsPerSecond.toPrecision(3)} steps/s` : '',
    subnetsPerSecond === undefined ? '' : `${subnetsPerSecond.toPrecision(3)} subnets/s`,
    loss === undefined ? '' : `loss ${loss.toFixed(3)}`,
    progress.tau === undefined ? '' : `tau ${tau(progress.tau)}`,
  ];
}

interface Seen {
  readonly at: number;
  readonly fraction: number;
}

/** How fast pieces of work get on, from what was seen of them: so the time of evaluations and checkpoints is in it too. */
export class Pace {
  readonly #first = new Map<string, Seen>();

  /** Milliseconds until `key` is done, or null while too little was seen. A fraction that falls (a new attempt) starts anew. */
  left(key: string, fraction: number, now: number): number | null {
    const first = this.#first.get(key);
    if (first === undefined || fraction < first.fraction) {
      this.#first.set(key, { at: now, fraction });
      return null;
    }
    const gained = fraction - first.fraction;
    return gained <= 0 || now - first.at < 2000 ? null : ((1 - fraction) / gained) * (now - first.at);
  }
}
