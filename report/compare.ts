import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { catalogue, runOf } from '../artifacts/catalogue.ts';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { linesOf } from '../artifacts/ledger.ts';
import { FileReference } from '../artifacts/references.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import { compareRankings } from '../nas/evaluation/agreement.ts';
import type { Comparison } from '../nas/evaluation/agreement.ts';
import { kendallTau } from '../nas/evaluation/correlation.ts';
import { readGroundTruth } from '../nas/evaluation/ground-truth.ts';
import { BadInput } from '../plan/endings.ts';
import { isObject } from '../plan/json.ts';
import type { Json } from '../plan/json.ts';

/** How several runs differ: in what they were told, in what their supernets reached, in what they cost. */
export interface ComparedRuns {
  /** As they were asked for. */
  readonly runs: readonly string[];
  /** Values that are not the same in all of the runs that have the stage. */
  readonly settings: readonly Setting[];
  readonly supernets: readonly ComparedSupernet[];
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

interface ComparedSupernet {
  readonly stage: string;
  /** By run; null where it has none with a chosen epoch. */
  readonly chosen: readonly (Chosen | null)[];
  /** Each run's tau less that of the first, on the same resamples of the ground truth; null where both have not the same subnets. */
  readonly overFirst: readonly (Comparison | null)[];
}

interface Chosen {
  readonly epoch: number;
  readonly tau: number | null;
  readonly interval: readonly [number, number] | null;
}

interface Cost {
  /** Seconds of work that was kept, and that was done again. */
  readonly useful: number;
  readonly redone: number;
  readonly attempts: number;
}

/** What a run, or one stage of it (`<run>/<stage>`), is made of, by what its stages are called. */
type Stages = ReadonlyMap<string, CataloguedStage>;

/**
 * Compares runs by what their results say; no server is asked.
 * @param names runs, or stages of runs (`<run>/<folder of the stage>`), two at least
 * @throws BadInput for one without results
 */
export async function compareRuns(root: string, names: readonly string[]): Promise<ComparedRuns> {
  const runs = await Promise.all(names.map((name) => stagesOf(root, name)));
  const ids = [...new Set(runs.flatMap((stages) => [...stages.keys()]))];
  const supernets = await Promise.all(ids.map((id) => compareSupernets(id, runs)));
  return {
    runs: names,
    settings: grouped(ids.flatMap((id) => differing(id, runs))),
    supernets: supernets.flatMap((one) => one ?? []),
    costs: runs.map(costOf),
  };
}

async function stagesOf(root: string, name: string): Promise<Stages> {
  const [run = '', ...folder] = name.replace(/\/+$/, '').split('/');
  const found = (await catalogue(root, run)).filter(
    ({ directory }) => folder.length === 0 || directory === [run, ...folder].join('/'),
  );
  if (found.length === 0) {
    throw new BadInput(
      `${name}: expected a run or <run>/<folder of a stage> with results below ${root}, got none; \`nas list\` shows the runs`,
    );
  }
  // Single stages are compared with each other whatever they are called.
  if (folder.length > 0) return new Map(found.map((stage) => ['stage', stage]));
  return new Map(found.toSorted((a, b) => begunAt(a) - begunAt(b)).map((stage) => [stage.manifest.stage, stage]));
}

function begunAt({ manifest }: CataloguedStage): number {
  return Date.parse(manifest.attempts[0]?.started ?? '') || 0;
}

function differing(id: string, runs: readonly Stages[]): Setting[] {
  const configs = runs.map((stages) => {
    const stage = stages.get(id);
    return stage === undefined ? new Map<string, Json>() : leavesOf(stage.manifest.config, runOf(stage.directory));
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

/** Every scalar of a config by its dotted key, but for what stages of its own run have handed on: that differs wherever they do. */
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

async function compareSupernets(stage: string, runs: readonly Stages[]): Promise<ComparedSupernet | null> {
  const ranked = runs.map((stages) => chosenIn(stages.get(stage)));
  const [first] = ranked;
  if (ranked.every((one) => one === null)) return null;
  const overFirst = ranked.slice(1).map(async (one) => (first && one ? await difference(first, one) : null));
  return {
    stage,
    chosen: ranked.map((one) => one && { epoch: one.epoch, tau: one.tau, interval: one.interval }),
    overFirst: [null, ...(await Promise.all(overFirst))],
  };
}

interface Ranked extends Chosen {
  /** Top-1 of each subnet of the ground truth, as the supernet has it. */
  readonly scores: readonly number[];
  readonly trained: z.infer<typeof Trained>;
}

const Trained = z.looseObject({ space: SpaceConfig, ground_truth: FileReference, seed: z.number() });

function chosenIn(stage: CataloguedStage | undefined): Ranked | null {
  const { selection, epochs = [], config } = stage?.manifest ?? {};
  const epoch = epochs.find((one) => one.epoch === selection?.epoch);
  const trained = Trained.safeParse(config);
  if (epoch === undefined || !trained.success) return null;
  const { tau, interval, groundTruth: scores } = epoch;
  return { epoch: epoch.epoch, tau, interval, scores, trained: trained.data };
}

async function difference(first: Ranked, other: Ranked): Promise<Comparison | null> {
  const { space, ground_truth: source } = first.trained;
  if (source.sha256 !== other.trained.ground_truth.sha256) return null;
  const { accuracies } = await readGroundTruth(space, source);
  const isWhole = [first, other].every(({ scores }) => scores.length === accuracies.length);
  if (!isWhole) return null;
  return compareRankings(kendallTau, accuracies, other.scores, first.scores, { seed: first.trained.seed });
}

function costOf(stages: Stages): Cost {
  const lines = [...stages.values()].flatMap(({ manifest }) => linesOf(manifest.stage, manifest.attempts, Date.now()));
  const sum = (of: (line: (typeof lines)[number]) => number): number => lines.reduce((all, line) => all + of(line), 0);
  return {
    useful: sum(({ useful }) => useful),
    redone: sum(({ redone }) => redone),
    attempts: sum(({ attempts }) => attempts),
  };
}
