import pc from 'picocolors';
import type { LedgerLine } from '../../artifacts/ledger.ts';
import { columns } from './columns.ts';
import { duration } from './format.ts';

type Times = Pick<LedgerLine, 'useful' | 'redone' | 'waiting' | 'attempts'>;

/** Where the time of a run went, a line a stage and device, and all of it in the last line. */
export function ledgerTable(lines: readonly LedgerLine[]): string {
  if (lines.length === 0) return 'no stage of it has begun in this results folder';
  const sum = (of: keyof Times): number => lines.reduce((total, line) => total + line[of], 0);
  const all = { useful: sum('useful'), redone: sum('redone'), waiting: sum('waiting'), attempts: sum('attempts') };
  const head = ['stage', 'device', 'useful', 'redone', 'waiting', 'attempts'].map((title) => pc.dim(title));
  return columns([head, ...lines.map((line) => row(line.stage, line.device, line)), row('all', '', all)]).join('\n');
}

function row(stage: string, device: string, { useful, redone, waiting, attempts }: Times): string[] {
  return [stage, device, ...[useful, redone, waiting].map((seconds) => duration(1000 * seconds)), String(attempts)];
}
