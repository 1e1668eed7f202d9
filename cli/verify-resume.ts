import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import pc from 'picocolors';
import { root } from '../runtime/layout.ts';
import { loadPipeline } from '../pipelines/load.ts';
import { collected, wholeNumber } from './arguments.ts';
import { interruption } from './interruption.ts';
import { jsonOption, output } from './output.ts';
import { compareResults } from './verify/compare.ts';
import type { Comparison } from './verify/compare.ts';
import { drawKills } from './verify/kills.ts';
import type { Kill } from './verify/make-kills.ts';
import { carryOut, hurried } from './verify/side.ts';
import { columns } from './view/columns.ts';

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

/** Runs a pipeline straight and again with kills, and compares every bit of what came out. */
async function verifyResume(pipeline: string, { kills, seed, set, json }: Options): Promise<void> {
  const plan = hurried(loadPipeline(pipeline, set === undefined ? {} : { set }));
  const folder = path.join(root, '.cache', `verify-resume-${randomBytes(4).toString('hex')}`);
  const [straight, killed] = [path.join(folder, 'straight'), path.join(folder, 'killed')];
  const signal = interruption();
  const { pieces } = await carryOut(plan, straight, { kills: [], pieces: [] }, told('straight'), signal);
  const aim = { kills: drawKills(pieces, kills, seed), pieces };
  const { kills: made } = await carryOut(plan, killed, aim, told('with kills'), signal);
  const stages = await compareResults(path.join(straight, 'results'), path.join(killed, 'results'));
  const differences = stages.flatMap(({ different }) => different).length;
  if (differences > 0) process.exitCode = 1;
  else await rm(folder, { recursive: true, force: true });
  output(json, { ok: differences === 0, seed, kills: made, stages, differences }, () =>
    [
      ...killTable(made),
      '',
      ...stageTable(stages),
      '',
      differences === 0
        ? `${made.length} kills, ${stages.length} stages and cells, no difference`
        : `${differences} differences; both runs are in ${path.relative('', folder)}`,
    ].join('\n'),
  );
}

function told(side: string): (line: string) => void {
  return (line) => void process.stderr.write(`${side}: ${line}\n`);
}

function killTable(kills: readonly Kill[]): string[] {
  const head = ['kill', 'of the', 'in', 'phase', 'after so many commits'].map((title) => pc.dim(title));
  const rows = kills.map(({ target, piece, phase, changes }, index) => [
    String(index + 1),
    target,
    piece,
    phase,
    String(changes),
  ]);
  return columns([head, ...rows]);
}

function stageTable(stages: readonly Comparison[]): string[] {
  const head = ['stage', 'values compared', 'attempts', 'different'].map((title) => pc.dim(title));
  const rows = stages.map(({ directory, files, attempts, different }) => [
    `${different.length === 0 ? pc.green('✓') : pc.red('✗')} ${directory}`,
    String(files),
    `${attempts.straight}, then ${attempts.killed}`,
    different.length === 0 ? '0' : different.join(', '),
  ]);
  return columns([head, ...rows]);
}
