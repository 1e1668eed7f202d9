import pc from 'picocolors';
import type { LedgerLine } from '../../artifacts/ledger.ts';
import { columns } from './columns.ts';
import { duration } from './format.ts';

type Times = Omit<LedgerLine, 'stage' | 'device'>;

/** Where the time of a run went, a line a stage and device, and all of it in the last line. */
export function ledgerTable(lines: readonly LedgerLine[]): string {
  if (lines.length === 0) return 'no stage of it has begun in this results folder';
  const sum = (of: keyof Times): number => lines.reduce((total, line) => total + line[of], 0);
  const all = {
    useful: sum('useful'),
    redone: sum('redone'),
    waiting: sum('waiting'),
    training: sum('training'),
    saving: sum('saving'),
    attempts: sum('attempts'),
  };
  const head = ['stage', 'device', 'useful', 'redone', 'waiting', 'saving', 'attempts'].map((title) => pc.dim(title));
  return columns([head, ...lines.map((line) => row(line.stage, line.device, line)), row('all', '', all)]).join('\n');
}

function row(stage: string, device: string, times: Times): string[] {
  const { useful, redone, waiting, attempts } = times;
  const spans = [useful, redone, waiting].map((seconds) => duration(1000 * seconds));
  return [stage, device, ...spans, savingOf(times), String(attempts)];
}

// Of a stage that trains also the share of its training.
function savingOf({ training, saving }: Times): string {
  const seconds = `${saving.toFixed(1)}s`;
  return training === 0 ? seconds : `${seconds} (${((100 * saving) / (training + saving)).toFixed(2)} %)`;
}
