import path from 'node:path';
import pc from 'picocolors';
import { Option } from 'commander';
import type { Command } from 'commander';
import { atomicWrite } from '../artifacts/files.ts';
import { resultsRoot } from '../artifacts/paths.ts';
import { Failure } from './failure.ts';
import { jsonOption, output } from './options.ts';
import { columns } from './view/format.ts';
import type { Interval } from '../nas/evaluation/agreement.ts';
import { ScoreName } from '../nas/evaluation/epoch-scores.ts';
import type { Json } from '../plan/json.ts';
import { compareArms } from '../report/arms.ts';
import type { ComparedArms } from '../report/arms.ts';
import { compareRuns, stagesNamed } from '../report/compare.ts';
import { compareStages, stageTables } from '../report/compare-stages.ts';
import type { ComparedStages } from '../report/compare-stages.ts';
import type { ComparedRuns } from '../report/compare.ts';
import { figureRows } from '../report/compare-supernets.ts';
import type { ComparedSupernet } from '../report/compare-supernets.ts';
import { duration, figure, tau } from '../report/format.ts';

interface Options {
  readonly by?: string;
  readonly over?: string;
  readonly heldOut?: true;
  readonly score?: ScoreName;
  readonly sizes?: true;
  readonly figures?: true;
  readonly html?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .argument('<run...>', 'runs, or single stages as <run>/<stage>; the first is what the others are held against')
    .option('--by <key>', 'pair the supernets in them that differ in this key of `with` alone, such as precision')
    .option(
      '--over <stage>',
      'what each stage reaches over this one of its run, or of its seed in another run: means over runs and seeds, inside bands too',
    )
    .option('--held-out', 'with --over: by the subnets of the ground truth that no epoch was chosen by')
    .addOption(
      new Option('--score <name>', 'with --over: rank by this score, not by the one each stage names').choices(
        ScoreName.options,
      ),
    )
    .option('--sizes', 'with --over: rank by the score mixed with sizes, whatever each stage says')
    .option('--figures', 'with Spearman, Pearson and regret of each supernet, and what sizes alone reach')
    .option('--html <file>', 'write it as a page, one file')
    .addOption(jsonOption())
    .action(compare);
}

async function compare(
  runs: string[],
  { by, over, heldOut, score, sizes, figures, html, json }: Options,
): Promise<void> {
  if (runs.length < 2 && by === undefined && over === undefined) {
    throw new Failure(
      `nas compare: expected two runs or more, --by or --over, got ${runs.length}; \`nas list\` shows them`,
      2,
    );
  }
  const [alone] = Object.entries({ '--held-out': heldOut, '--score': score, '--sizes': sizes }).flatMap(
    ([option, value]) => (value === undefined ? [] : [option]),
  );
  if (alone !== undefined && over === undefined)
    throw new Failure(`nas compare: ${alone}: expected --over beside it, got none`, 2);
  const root = resultsRoot();
  const compared = await compareRuns(root, runs, figures);
  const all = by === undefined && over === undefined ? [] : await stagesOf(runs);
  const arms = by === undefined ? null : await compareArms(all, by);
  const scoring = score === undefined && sizes === undefined ? null : { score, sizes };
  const stages = over === undefined ? null : await compareStages(all, over, heldOut ?? false, scoring);
  if (html === undefined) {
    const parts = [
      ...(stages === null ? [] : [stagesText(stages)]),
      ...(arms === null ? [] : [armsText(arms)]),
      ...(runs.length < 2 ? [] : [comparisonText(compared)]),
    ];
    return output(json, { ...compared, by: arms, over: stages }, () => parts.join('\n\n'));
  }
  const { comparePage } = await import('../pages/compare-page.tsx');
  const text = comparePage(compared, { arms, stages });
  await atomicWrite(path.resolve(html), text);
  output(json, { runs, file: html, bytes: Buffer.byteLength(text) }, () => `${html}: ${runs.join(', ')} compared`);
}

async function stagesOf(runs: readonly string[]) {
  return (await Promise.all(runs.map(async (run) => await stagesNamed(resultsRoot(), run)))).flat();
}

/** What a setting is worth: a table for each of its values, a line a pair, and the mean of all pairs. */
export function armsText({ key, first, others }: ComparedArms): string {
  return others
    .flatMap(({ value, pairs, mean }) => [
      ...columns([
        [key, ...[first, value].map(inWords), 'difference'].map((title) => pc.dim(title)),
        ...pairs.map(({ name, first: one, other, difference }) => [
          name,
          tauOf(one),
          tauOf(other),
          signedTau(difference),
        ]),
        [`mean of ${pairs.length}`, '', '', signedTau(mean)],
      ]),
      '',
    ])
    .concat(pc.dim('differences of tau on the same resamples of the ground truth; those of the mean draw pairs too'))
    .join('\n');
}

/** What each stage is worth over another: a table overall and one inside bands. */
export function stagesText(compared: ComparedStages): string {
  const { over, file, subnets, heldOut, leftOut } = compared;
  const tables = stageTables(compared).flatMap(({ place, baseline, most, rows }) => [
    ...columns([
      ['stage', 'supernets', `tau ${place}`, `over ${over}`, `over ${baseline}`].map((title) => pc.dim(title)),
      ...rows.map(({ stage, supernets, worth }) => [
        stage,
        String(supernets),
        figure(worth.tau),
        worth.over === null ? '' : signedTau(worth.over),
        signedTau(worth.overBaseline),
      ]),
    ]),
    ...(most === undefined ? [] : [pc.dim(`a perfect ranking reaches ${most.toFixed(3)} on average`)]),
    '',
  ]);
  return [
    ...tables,
    pc.dim(
      `means over runs and seeds, on the ${subnets} subnets of ${file} ${heldOut ? 'that no epoch was chosen by' : 'that epochs may be chosen by'};`,
    ),
    pc.dim('intervals of 95 % draw subnets, runs of the ground truth, and supernets'),
    ...(leftOut.length === 0
      ? []
      : [
          `left out, for there is no ${over} of their run, or one alone of their seed, beside them: ${leftOut.join(', ')}`,
        ]),
  ].join('\n');
}

/** What differs, then what was reached, then what it cost: a table each. */
export function comparisonText({ runs, settings, supernets, baselines, rankings, costs }: ComparedRuns): string {
  const head = (...titles: string[]): string[] => [...titles, ...runs].map((title) => pc.dim(title));
  const told = settings.map(({ stages, key, values }) => [
    inFewWords(stages),
    key,
    ...values.map((value) => (value === null ? '—' : JSON.stringify(value))),
  ]);
  const reached = supernets.flatMap((supernet) => supernetRows(supernet, runs[0] ?? ''));
  const spent = [
    ['useful', ...costs.map(({ useful }) => duration(1000 * useful))],
    ['redone', ...costs.map(({ redone }) => duration(1000 * redone))],
    ['waiting', ...costs.map(({ waiting }) => duration(1000 * waiting))],
    ['attempts', ...costs.map(({ attempts }) => String(attempts))],
  ];
  return [
    ...(told.length === 0
      ? ['stages of the same name were told the same']
      : columns([head('differs in', 'key'), ...told])),
    '',
    ...(reached.length === 0
      ? ['no epoch of a supernet was chosen in any of them']
      : [
          ...columns([head('supernet', ''), ...reached]),
          pc.dim('differences of tau on the same resamples of the ground truth, with 95 % bootstrap intervals'),
          ...baselines.flatMap(baselineLines),
        ]),
    '',
    ...(rankings.every((one) => one === null)
      ? []
      : [
          ...columns([
            head('ranking'),
            ['subnets', ...rankings.map((one) => (one === null ? '—' : one.subnets.toLocaleString('en-US')))],
            ['best top-1 %', ...rankings.map((one) => one?.best?.toFixed(2) ?? '—')],
          ]),
          '',
        ]),
    ...columns([head('time'), ...spent]),
  ].join('\n');
}

function supernetRows(supernet: ComparedSupernet, first: string): string[][] {
  const { stage, chosen } = supernet;
  return [
    [stage, 'tau', ...chosen.map((one) => (one === null ? '—' : tauOf(one)))],
    ...figureRows(supernet, first).map(({ name, values, isDifference }) => [
      '',
      name,
      ...values.map((one) => (one === null ? '' : isDifference ? signedTau(one) : figure(one))),
    ]),
    ['', 'epoch', ...chosen.map((one) => (one === null ? '—' : String(one.epoch)))],
  ];
}

function baselineLines({ file, figures }: ComparedRuns['baselines'][number]): string[] {
  const hasBands = figures.some(({ inside }) => inside !== null);
  const titles = ['without training', 'tau', 'regret', ...(hasBands ? ['tau inside bands'] : [])];
  return [
    '',
    ...columns([
      titles.map((title) => pc.dim(title)),
      ...figures.map(({ name, tau: overall, regret, inside }) => [
        name,
        figure(overall),
        figure(regret),
        ...(inside ? [figure(inside.tau)] : []),
      ]),
    ]),
    pc.dim(`on the subnets of ${file} that epochs may be chosen by; regret in percent points of accuracy`),
  ];
}

interface Tau {
  readonly tau: number | null;
  readonly interval: readonly [number, number] | null;
}

function tauOf({ tau: value, interval }: Tau): string {
  return value === null ? 'undefined' : tau(value, interval ?? undefined);
}

function signedTau(difference: Interval): string {
  return `${difference.estimate >= 0 ? '+' : ''}${figure(difference)}`;
}

function inWords(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const MOST = 2;

function inFewWords(stages: readonly string[]): string {
  const more = stages.length > MOST ? `, ${stages.length - MOST} more` : '';
  return stages.slice(0, MOST).join(', ') + more;
}
