import { isDeepStrictEqual } from 'node:util';
import { catalogue, runOf, stageNamed } from '../artifacts/catalogue.ts';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { linesOf } from '../artifacts/ledger.ts';
import { compareSupernets } from './compare-supernets.ts';
import type { ComparedSupernets } from './compare-supernets.ts';
import { bestFirst } from '../nas/evaluation/pareto.ts';
import { mergedRankings, readRanking } from '../nas/evaluation/read-ranking.ts';
import { BadInput } from '../plan/endings.ts';
import { isObject } from '../plan/json.ts';
import type { Json } from '../plan/json.ts';

/** How several runs differ: in what they were told, in what their supernets reached, in what they cost. */
export interface ComparedRuns extends ComparedSupernets {
  /** As they were asked for. */
  readonly runs: readonly string[];
  /** Values that are not the same in all of the runs that have the stage. */
  readonly settings: readonly Setting[];
  /** By run; null where nothing is ranked. */
  readonly rankings: readonly (RankedBest | null)[];
  readonly costs: readonly Cost[];
}

interface Setting {
  /** Stages that differ in it in the same way. */
  readonly stages: readonly string[];
  /** Dotted key of their `with`. */
  readonly key: string;
  /** By run; null where the run has no such stage, or the stage no such key. */
  readonly values: readonly (Json | null)[];
}

interface RankedBest {
  readonly subnets: number;
  /** The highest top-1, in percent. */
  readonly best: number | null;
}

interface Cost {
  /** Seconds of work that was kept, of work that was done again, and in the queue. */
  readonly useful: number;
  readonly redone: number;
  readonly waiting: number;
  readonly attempts: number;
}

/** What a run, or one stage of it (`<run>/<stage>`), is made of, by what its stages are called. */
type Stages = ReadonlyMap<string, CataloguedStage>;

/**
 * Compares runs by what their results say; no server is asked.
 * @param names runs, or stages of runs (`<run>/<stage>`), two at least
 * @param withFigures whether every figure of the supernets is wanted, and the baselines
 * @throws BadInput for one without results
 */
export async function compareRuns(root: string, names: readonly string[], withFigures = false): Promise<ComparedRuns> {
  const runs: Stages[] = [];
  // One after the other, so that of several without results the first is named.
  for (const name of names) runs.push(await stagesOf(root, name));
  const ids = [...new Set(runs.flatMap((stages) => [...stages.keys()]))];
  return {
    runs: names,
    settings: grouped(ids.flatMap((id) => differing(id, runs))),
    ...(await compareSupernets(
      ids.map((id) => ({ stage: id, of: runs.map((stages) => stages.get(id)) })),
      withFigures,
    )),
    rankings: await Promise.all(runs.map((stages) => rankedIn(root, stages))),
    costs: runs.map(costOf),
  };
}

/** The stages of a run in the order in which they were begun, or the one that `<run>/<stage>` names. @throws BadInput where there is none */
export async function stagesNamed(root: string, name: string): Promise<CataloguedStage[]> {
  const place = name.replace(/\/+$/, '');
  const ofRun = await catalogue(root, runOf(place));
  const stage = stageNamed(ofRun, place);
  const found = place === runOf(place) ? ofRun : stage === undefined ? [] : [stage];
  if (found.length > 0) return found.toSorted((a, b) => begunAt(a) - begunAt(b));
  throw new BadInput(
    `${name}: expected a run or <run>/<stage> with results below ${root}, got none; \`nas list\` shows the runs`,
  );
}

async function stagesOf(root: string, name: string): Promise<Stages> {
  const found = await stagesNamed(root, name);
  // Single stages are compared with each other whatever they are called.
  if (name.replace(/\/+$/, '').includes('/')) return new Map(found.map((stage) => ['stage', stage]));
  return new Map(found.map((stage) => [stage.manifest.stage, stage]));
}

function begunAt({ manifest }: CataloguedStage): number {
  return Date.parse(manifest.attempts[0]?.started ?? '') || 0;
}

function differing(id: string, runs: readonly Stages[]): Setting[] {
  const configs = runs.map((stages) => {
    const stage = stages.get(id);
    return stage === undefined ? new Map<string, Json>() : settingsOf(stage);
  });
  const there = configs.filter((_, at) => runs[at]?.has(id));
  const keys = [...new Set(there.flatMap((config) => [...config.keys()]))];
  return (
    keys
      .filter((key) => there.some((config) => !isDeepStrictEqual(config.get(key), there[0]?.get(key))))
      .map((key) => ({ stages: [id], key, values: configs.map((config) => config.get(key) ?? null) }))
      // Null in one and handed on in the other.
      .filter(({ values }) => values.some((value) => value !== null))
  );
}

/** What a stage was told, by dotted key, but for what stages of its own run have handed on: that differs wherever they do. */
export function settingsOf({ directory, manifest }: CataloguedStage): Map<string, Json> {
  return leavesOf(manifest.config, runOf(directory));
}

function leavesOf(value: Json, run: string, path: readonly string[] = [], found = new Map<string, Json>()) {
  const isOfRun = (name: Json | undefined): boolean => typeof name === 'string' && name.startsWith(`${run}/`);
  if (isObject(value) ? isOfRun(value['file']) : isOfRun(value)) return found;
  if (typeof value !== 'object' || value === null) return path.length > 0 ? found.set(path.join('.'), value) : found;
  for (const [key, inner] of Object.entries(value)) leavesOf(inner, run, [...path, key], found);
  return found;
}

function grouped(settings: readonly Setting[]): Setting[] {
  const groups = new Map<string, Setting>();
  for (const setting of settings) {
    const name = JSON.stringify([setting.key, setting.values]);
    const stages = [...(groups.get(name)?.stages ?? []), ...setting.stages];
    groups.set(name, { ...setting, stages });
  }
  return [...groups.values()];
}

async function rankedIn(root: string, stages: Stages): Promise<RankedBest | null> {
  const [merged] = mergedRankings([...stages.values()]);
  if (merged === undefined) return null;
  const { subnets } = await readRanking(root, merged);
  return { subnets: subnets.length, best: bestFirst(subnets)[0]?.score ?? null };
}

function costOf(stages: Stages): Cost {
  const lines = [...stages.values()].flatMap(({ manifest }) => linesOf(manifest.stage, manifest.attempts, Date.now()));
  const sum = (of: (line: (typeof lines)[number]) => number): number => lines.reduce((all, line) => all + of(line), 0);
  return {
    useful: sum(({ useful }) => useful),
    redone: sum(({ redone }) => redone),
    waiting: sum(({ waiting }) => waiting),
    attempts: sum(({ attempts }) => attempts),
  };
}
