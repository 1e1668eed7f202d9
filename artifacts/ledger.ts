import { catalogue } from './catalogue.ts';
import type { Attempt } from './manifest.ts';
import type { Token } from './token.ts';

/** What one device, or several at once, did for one stage (or cell) of a run, in seconds of a device: two devices have two in a second. */
export interface LedgerLine {
  readonly stage: string;
  readonly device: string;
  /** Work that is kept. */
  readonly useful: number;
  /** Work after the last checkpoint of an attempt that was lost: done again. At most so much, for nobody saw it die. */
  readonly redone: number;
  /** From being put into the queue to being begun; no device is held meanwhile. */
  readonly waiting: number;
  /** Steps of training. Attempts that were killed left no count of this and of saving. */
  readonly training: number;
  /** Writing checkpoints, supernets and scores. */
  readonly saving: number;
  readonly attempts: number;
}

const nothing = { useful: 0, redone: 0, waiting: 0, training: 0, saving: 0, attempts: 0 };

/** The ledger of a run by stage and device, from the attempts in its manifests. */
export async function ledgerOf(root: string, run: string): Promise<LedgerLine[]> {
  return (await catalogue(root, run)).flatMap(({ manifest }) => linesOf(manifest.stage, manifest.attempts, Date.now()));
}

/** One attempt on the clock, in ms since 1970: in the queue, at work, and until when its work was kept. */
export interface Span {
  readonly device: string;
  readonly queued: number;
  readonly started: number;
  /** What came after it was lost, and done again by the next attempt. */
  readonly kept: number;
  readonly ended: number;
}

/** The attempts of a stage on the clock; `now` (ms) ends an attempt that is still at work. */
export function spansOf(attempts: readonly Attempt[], now: number): Span[] {
  return attempts.map(({ device, queued, started, saved, ended: end, ending }, at) => {
    // One that was killed could not say when: the next one was queued after it.
    const next = attempts[at + 1];
    const ended = Date.parse(end ?? next?.queued ?? new Date(now).toISOString());
    const isAtWork = end === null && next === undefined;
    const isKept = ending === 'done' || ending === 'reused' || isAtWork;
    const kept = isKept ? ended : Math.min(ended, Date.parse(saved ?? started));
    return { device, queued: Date.parse(queued), started: Date.parse(started), kept, ended };
  });
}

/** The lines of one stage; `now` (ms) ends an attempt that is still at work. */
export function linesOf(stage: string, attempts: readonly Attempt[], now: number): LedgerLine[] {
  const lines = new Map<string, LedgerLine>();
  for (const [at, { device, queued, started, kept, ended }] of spansOf(attempts, now).entries()) {
    const before = lines.get(device) ?? { stage, device, ...nothing };
    const phases = attempts[at]?.phases;
    const devices = device.split(',').length;
    lines.set(device, {
      ...before,
      useful: before.useful + devices * seconds(started, kept),
      redone: before.redone + devices * seconds(kept, ended),
      waiting: before.waiting + seconds(queued, started),
      training: before.training + devices * (phases?.['training'] ?? 0),
      saving: before.saving + devices * (phases?.['saving'] ?? 0),
      attempts: before.attempts + 1,
    });
  }
  return [...lines.values()];
}

/**
 * How many tries, that of `token` included, there have been in its round since one of them saved something: 0 if it has
 * itself. Those that died before they could claim the stage count by their numbers.
 */
export function triesInVain(attempts: readonly Attempt[], token: Token): number {
  const ofRound = attempts.filter(({ token: { runId, round } }) => runId === token.runId && round === token.round);
  let later = token.attempt + 1;
  for (const { token: tried, saved } of ofRound.toReversed()) {
    // An operator's reset begins to count at 1 again.
    if (tried.attempt >= later) break;
    if (saved !== null) return token.attempt - tried.attempt;
    later = tried.attempt;
  }
  return token.attempt;
}

function seconds(from: number, to: number): number {
  return Math.max(0, to - from) / 1000;
}
