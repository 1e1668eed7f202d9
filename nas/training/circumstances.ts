import { loadTensorFlow } from '../../runtime/binding.ts';
import type { Job } from '../process/protocol.ts';

/**
 * What decides the bits of a training: it stands in every checkpoint. The fingerprint holds the seeds and all of the config;
 * whatever is drawn at random is a pure function of these and of the step.
 */
export function circumstancesOf({ fingerprint, threads }: Job): Record<string, string> {
  const { TF_Version: tensorflow } = loadTensorFlow().binding;
  return { fingerprint, threads: String(threads), node: process.version, tensorflow };
}

/** What was other when a checkpoint was written, in words; none where the training goes on to the same bits. */
export function changesSince(
  written: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): string[] {
  const changed = Object.keys(now).filter((name) => name !== 'node' && written[name] !== now[name]);
  return changed.map((name) => `${name} was ${written[name] ?? 'not recorded'} and is ${now[name]}`);
}
