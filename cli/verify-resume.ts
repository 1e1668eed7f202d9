import path from 'node:path';
import type { Command } from 'commander';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { interruption } from './failure.ts';
import { collected, jsonOption, output, wholeNumber } from './options.ts';
import { many } from '../report/format.ts';
import { compareResults, killsByPhase, killTable, phaseTable, stageTable } from './verify/compare.ts';
import { drawKills } from './verify/kills.ts';
import { resultsOf } from './verify/world.ts';
import { carryOut, unattended } from './verify/side.ts';
import { VERIFICATION } from '../artifacts/paths.ts';
import { removeStore } from '../artifacts/results.ts';
import { loadPipeline } from '../pipelines/compile.ts';
import { cacheFolder } from '../runtime/layout.ts';

interface Options {
  readonly kills: number;
  readonly seed: number;
  readonly set?: readonly string[];
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .argument('<pipeline>', 'a pipeline file (.yml)')
    .option('--kills <n>', 'how many processes to kill', wholeNumber, 10)
    .option('--seed <n>', 'which processes die, and when', wholeNumber, 0)
    .option('--set <key=value>', 'as with `nas start`; repeatable', collected)
    .addOption(jsonOption())
    .action(verifyResume);
}

/**
 * Runs a pipeline straight and again with kills, and compares every bit of what came out. Exit code 1 on any difference,
 * and if a kill could not be made.
 */
async function verifyResume(pipeline: string, { kills, seed, set, json }: Options): Promise<void> {
  const plan = unattended(loadPipeline(pipeline, set === undefined ? {} : { set }));
  const folder = path.join(cacheFolder(), `${VERIFICATION}${randomBytes(4).toString('hex')}`);
  const [straight, killed] = [path.join(folder, 'straight'), path.join(folder, 'killed')];
  const sides = [resultsOf(straight), resultsOf(killed)] as const;
  const signal = interruption();
  const { pieces } = await carryOut(plan, straight, [], told('straight'), signal);
  const planned = drawKills(pieces, kills, seed);
  const { kills: made, missed: notMade } = await carryOut(plan, killed, planned, told('with kills'), signal);
  const stages = await compareResults(sides[0], sides[1]);
  const differences = stages.flatMap(({ different }) => different).length;
  const missed = kills - made.length;
  if (differences > 0 || missed > 0) process.exitCode = 1;
  if (differences === 0) {
    await Promise.all(sides.map(removeStore));
    await rm(folder, { recursive: true, force: true });
  }
  const phases = killsByPhase(made);
  output(
    json,
    { ok: differences + missed === 0, seed, kills: made, missed, notMade, phases, stages, differences },
    () =>
      [
        ...killTable(made),
        '',
        ...phaseTable(phases),
        '',
        ...stageTable(stages),
        '',
        ...notMade.map(({ target, piece, phase, visit }) => {
          return `not made: ${target} in ${piece}, ${phase} for the ${visit}. time; the run was over before that came`;
        }),
        differences === 0
          ? `${many(made.length, 'kill')}, ${stages.length} stages and cells, no difference`
          : `${many(differences, 'difference')}; both runs are kept: ${sides.join(' and ')}`,
      ].join('\n'),
  );
}

function told(side: string): (line: string) => void {
  return (line) => void process.stderr.write(`${side}: ${line}\n`);
}
