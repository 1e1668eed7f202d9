import type { Progress } from '../../nas/process/protocol.ts';
import { epochOf, tau } from './format.ts';

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

/** The figures of a progress message, each only where the phase has it: epoch, step, steps/s, subnets, loss, tau. */
export function progressInWords(progress: Progress): string[] {
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
