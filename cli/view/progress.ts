import type { Progress } from '../../nas/process/protocol.ts';
import { tau } from './format.ts';

/** How much of a stage (or cell) is done, 0..1. */
export function fractionOf(progress: Progress): number {
  const { phase, epoch, epochs, step, steps, subnets, subnetsTotal } = progress;
  if (epochs > 0) {
    const inEpoch = phase !== 'training' ? Number(phase !== 'loading') : steps > 0 ? step / steps : 0;
    return (Math.max(0, epoch - 1) + inEpoch) / epochs;
  }
  if (subnetsTotal !== undefined && subnetsTotal > 0) return (subnets ?? 0) / subnetsTotal;
  return steps > 0 ? step / steps : 0;
}

/** The figures of a progress message, each only where the phase has it: epoch, step, steps/s, subnets, loss, tau. */
export function progressInWords(progress: Progress): string[] {
  const { phase, epoch, epochs, step, steps, stepsPerSecond, subnets, subnetsTotal, loss } = progress;
  return [
    epochs > 0 ? `epoch ${epoch}/${epochs}` : '',
    phase === 'training' ? `step ${step}/${steps}` : phase,
    subnetsTotal === undefined ? '' : `${subnets ?? 0}/${subnetsTotal} subnets`,
    phase === 'training' && stepsPerSecond !== undefined ? `${stepsPerSecond.toPrecision(3)} steps/s` : '',
    loss === undefined ? '' : `loss ${loss.toFixed(3)}`,
    progress.tau === undefined ? '' : `tau ${tau(progress.tau)}`,
  ];
}
