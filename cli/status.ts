import pc from 'picocolors';
import type { Command } from 'commander';
import type { LedgerLine } from '../artifacts/ledger.ts';
import { resultsRoot } from '../artifacts/paths.ts';
import { withServer } from './server.ts';
import type { Server } from './server.ts';
import type { Forecast } from './forecast.ts';
import { defineForRun, output } from './options.ts';
import { columns } from './view/format.ts';
import { forecastLines } from './view/plan.ts';
import { statusTable } from './view/stages.ts';
import type { RunStatus } from '../plan/messages.ts';
import { parseActivityId } from '../plan/names.ts';
import { duration } from '../report/format.ts';
import { readRun } from '../runs/run.ts';

interface Options {
  readonly ledger?: true;
  readonly forecast?: true;
  readonly json?: true;
}

export function define(command: Command): void {
  defineForRun(command)
    .option('--ledger', 'also useful, redone and waiting time by stage and device')
    .option('--forecast', 'also which stages to come will be taken over from other runs, and why')
    .action(async (run: string, { ledger, forecast, json }: Options) => {
      await withServer(async (server) => {
        const view = await readRun(server.client, run);
        // It looks through the results of all runs.
        const ahead = forecast === true ? await forecastsOf(server, view.status) : [];
        const text = [statusTable(view), ...forecastLines(ahead)].join('\n');
        const document = { ...view.status, work: view.work, ...(forecast === true ? { forecast: ahead } : {}) };
        if (ledger !== true) return output(json, document, () => text);
        const { ledgerOf } = await import('../artifacts/ledger.ts');
        const lines = await ledgerOf(resultsRoot(), run);
        return output(json, { ...document, ledger: lines }, () => `${text}\n\n${ledgerTable(lines)}`);
      });
    });
}

// What will become of the stages that have not begun; nothing where the results lie elsewhere.
async function forecastsOf(server: Server, { id, stages }: RunStatus): Promise<Forecast[]> {
  const waiting = new Set(stages.filter(({ state }) => state === 'waiting').map((stage) => stage.id));
  if (waiting.size === 0) return [];
  // Loaded for this alone: what every kind of stage may be told is long to load.
  const [{ forecast }, { planOf }] = await Promise.all([import('./forecast.ts'), import('./start.ts')]);
  const all = await forecast(await planOf(server, id), resultsRoot());
  return all.filter(({ stage }) => waiting.has(parseActivityId(stage).stage));
}

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
