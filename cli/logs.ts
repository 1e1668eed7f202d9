import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pc from 'picocolors';
import type { Command } from 'commander';
import { runOf, stagesOfRun } from '../artifacts/catalogue.ts';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { rankOfLog, resultsRoot } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import { Failure, interruption } from './failure.ts';

interface Options {
  readonly follow?: true;
}

export function define(command: Command): void {
  command
    .argument('<run>', 'id of the run')
    .argument('[stage]', 'a stage, or <stage>.<n> for one cell of it; all stages where absent')
    .option('-f, --follow', 'go on with what is written from now on, until Ctrl-C')
    .action(showLogs);
}

const LOOK_EVERY_MS = 500;

/** The logs of a run's processes as they lie in the results folder; of several stages each line with the stage before it. */
async function showLogs(run: string, stage: string | undefined, { follow }: Options): Promise<void> {
  const root = resultsRoot();
  const signal = interruption();
  const shown = new Map<string, number>();
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const stages = named(run, await stagesOfRun(root, run), stage, follow === true);
    for (const one of stages) {
      const logs = await openStore(root).logs(one.directory);
      for (const log of logs) {
        const rank = rankOfLog(path.basename(log)) ?? 0;
        const name = rank === 0 ? one.manifest.stage : `${one.manifest.stage} rank ${rank}`;
        const isOnlyOne = stages.length === 1 && stage !== undefined && logs.length === 1;
        shown.set(log, print(log, shown.get(log) ?? 0, isOnlyOne ? null : name, follow === true));
      }
    }
    if (isFirst && follow !== true && [...shown.values()].every((size) => size === 0)) {
      process.stderr.write(`${run}: no process of it has written a log here; light stages write none\n`);
    }
    if (follow !== true) return;
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

function named(
  run: string,
  all: readonly CataloguedStage[],
  stage: string | undefined,
  mayCome: boolean,
): CataloguedStage[] {
  const found = all.filter(
    ({ directory, manifest }) =>
      stage === undefined ||
      manifest.stage === stage ||
      manifest.stage.startsWith(`${stage}.`) ||
      directory === `${runOf(directory)}/${stage}`,
  );
  if (found.length > 0 || mayCome) return found;
  const known = [...new Set(all.map(({ manifest }) => manifest.stage))].join(', ');
  throw new Failure(`${run} ${stage}: expected a stage that has begun, got none; ${resultsRoot()} has ${known}`, 2);
}

/** Shows what was added to a log since it was so many bytes long; how many are shown now. Half a line may wait for its end. */
function print(log: string, before: number, name: string | null, mayWait: boolean): number {
  const bytes = existsSync(log) ? readFileSync(log) : Buffer.alloc(0);
  // A stage that was set aside has begun a new log.
  const start = bytes.length < before ? 0 : before;
  const end = mayWait ? bytes.lastIndexOf('\n') + 1 : bytes.length;
  if (end <= start) return start;
  const lines = bytes.toString('utf8', start, end).replace(/\n$/, '').split('\n');
  process.stdout.write(
    lines.map((line) => (name === null ? `${line}\n` : `${pc.dim(`${name} |`)} ${line}\n`)).join(''),
  );
  return end;
}
