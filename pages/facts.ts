import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { catalogue, stagesOfRun } from '../artifacts/catalogue.ts';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import type { EpochRecord, Manifest } from '../artifacts/manifest.ts';
import { FileReference } from '../artifacts/references.ts';
import { openStore } from '../artifacts/results.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import { counted, readGroundTruth } from '../nas/evaluation/ground-truth.ts';
import type { GroundTruth } from '../nas/evaluation/ground-truth.ts';
import { mergedRankings, readRanking } from '../nas/evaluation/read-ranking.ts';
import type { RankingOfRun } from '../nas/evaluation/read-ranking.ts';
import { bestFirst } from '../plan/choice.ts';
import { BadInput } from '../plan/endings.ts';
import type { RunStatus } from '../plan/messages.ts';
import type { Origin } from '../plan/plan.ts';
import { baselineFigures, ceilingOf, predictionOf } from '../report/figures.ts';
import type { BaselineFigures, Ceiling, Prediction } from '../report/figures.ts';
import { readReports } from '../report/read.ts';
import type { Report } from '../report/text.ts';

// What a run's page shows, read from its results; what only its server knows comes along where somebody has asked that.

export interface RunFacts {
  readonly run: string;
  /** The results folder. */
  readonly root: string;
  /** When the results were read, in ms since 1970. */
  readonly takenAt: number;
  /** In the order in which they were begun. */
  readonly stages: readonly CataloguedStage[];
  /** The supernets among them. */
  readonly trained: readonly TrainedStage[];
  readonly reports: readonly Report[];
  /** By the sha256 of its file: what taus of this run are measured against. */
  readonly truths: ReadonlyMap<string, TruthFacts>;
  readonly rankings: readonly RankingFacts[];
  /** Null where no server was asked. */
  readonly live: LiveFacts | null;
  /** Null where the results do not say, as those of release 0.1.0. */
  readonly origin: Origin | null;
}

/** A ground truth, and what can be said of it without any supernet. */
export interface TruthFacts {
  readonly file: string;
  readonly truth: GroundTruth;
  /** The best first. */
  readonly baselines: readonly BaselineFigures[];
  readonly ceiling: Ceiling | null;
}

export interface RankingFacts {
  readonly ranking: RankingOfRun;
  /** Null where no predictor had a part in it. */
  readonly prediction: Prediction | null;
}

/** What the server says of a run. */
export interface LiveFacts {
  readonly status: RunStatus;
  /** What is at work, and how far it is, in words. */
  readonly work: readonly { readonly name: string; readonly words: string }[];
  readonly startedAt: number;
  /** Null while the run is open, as is `ending`. */
  readonly endedAt: number | null;
  readonly ending: 'done' | 'failed' | 'cancelled' | null;
}

interface Asked {
  /** What the run's server says, where it was asked. */
  readonly live?: LiveFacts;
  /** A stage that is just writing a report: the page shows this report, and not the stage, which is not done. */
  readonly writing?: { readonly directory: string; readonly made: Report };
}

/** Reads what a run's page shows. @throws BadInput where nothing is known of the run, neither in the results nor by its server */
export async function readFacts(root: string, run: string, { live, writing }: Asked = {}): Promise<RunFacts> {
  const found = live === undefined ? await stagesOfRun(root, run) : await catalogue(root, run);
  const stages = found
    .filter(({ directory }) => directory !== writing?.directory)
    .toSorted((a, b) => begunAt(a.manifest) - begunAt(b.manifest) || order(a, b));
  return {
    run,
    root,
    takenAt: Date.now(),
    stages,
    trained: stages.flatMap(trainedStage),
    reports: [...(await readReports(root, stages)), ...(writing === undefined ? [] : [writing.made])],
    truths: await truthsOf(stages),
    rankings: await rankingsOf(root, stages),
    live: live ?? null,
    origin: stages.findLast(({ manifest }) => manifest.origin !== null)?.manifest.origin ?? null,
  };
}

function begunAt({ attempts }: Manifest): number {
  return Date.parse(attempts[0]?.queued ?? '') || 0;
}

// evaluate.2 before evaluate.10. Made once: `localeCompare` makes one for each comparison.
const names = new Intl.Collator('en', { numeric: true });

function order(a: CataloguedStage, b: CataloguedStage): number {
  return names.compare(a.directory, b.directory);
}

/** What a stage that ranks the ground truth has in its config. */
const Truth = z.looseObject({ ground_truth: FileReference });
const Measured = Truth.extend({ space: SpaceConfig, n_classes: z.int().positive() });

async function truthsOf(stages: readonly CataloguedStage[]): Promise<Map<string, TruthFacts>> {
  const truths = new Map<string, TruthFacts>();
  for (const { manifest } of stages) {
    if (manifest.epochs.length === 0) continue;
    // Thousands of stages have the same one.
    const named = Truth.safeParse(manifest.config);
    if (!named.success || truths.has(named.data.ground_truth.sha256)) continue;
    const measured = Measured.safeParse(manifest.config);
    if (!measured.success) continue;
    const facts = await remembered(`truth ${measured.data.ground_truth.sha256}`, () => truthOf(measured.data));
    if (facts !== null) truths.set(measured.data.ground_truth.sha256, facts);
  }
  return truths;
}

// A file that was edited since is no longer what the taus stand on: the page then goes without what is drawn from it.
async function truthOf({ space, n_classes: classes, ground_truth: source }: z.infer<typeof Measured>) {
  try {
    const truth = await readGroundTruth(space, source);
    const all = counted(truth, [...truth.subnets.keys()]);
    const baselines = baselineFigures(space, all, classes).map(({ figures }) => figures);
    return { file: source.file, truth, baselines, ceiling: ceilingOf(truth) };
  } catch (error) {
    if (error instanceof BadInput) return null;
    throw error;
  }
}

async function rankingsOf(root: string, stages: readonly CataloguedStage[]): Promise<RankingFacts[]> {
  const merged = mergedRankings(stages);
  return await Promise.all(
    merged.map((one) =>
      remembered(`ranking ${one.table.sha256} ${one.predictor?.sha256}`, async () => ({
        ranking: await readRanking(root, one),
        prediction:
          one.predictor === undefined ? null : predictionOf(await textOf(root, one.predictor), one.predictor.file),
      })),
    ),
  );
}

async function textOf(root: string, file: FileReference): Promise<string> {
  return await readFile(await openStore(root).fetch(file), 'utf8');
}

const known = new Map<string, unknown>();
const MOST_KNOWN = 20;

/** What was made of files whose hashes stand in the key is made once: a live page asks every second. */
async function remembered<T>(key: string, make: () => Promise<T>): Promise<T> {
  if (!known.has(key)) {
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(key, await make());
  }
  // The key says which function made the value.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return known.get(key) as T;
}

/** A stage that trains a supernet, at the epoch that was chosen or, before that, at its best so far. */
export interface TrainedStage {
  readonly id: string;
  readonly directory: string;
  readonly groups: number;
  readonly record: EpochRecord;
  readonly isChosen: boolean;
  readonly truth: string;
  readonly epochs: readonly EpochRecord[];
  /** How many it is to train; null where its config does not say. */
  readonly planned: number | null;
}

const Trained = z.looseObject({
  groups: z.number().default(1),
  epochs: z.number().nullable().default(null),
  ground_truth: z.looseObject({ sha256: z.string() }),
});

function trainedStage({ directory, manifest }: CataloguedStage): TrainedStage[] {
  const epoch = manifest.selection?.epoch ?? bestFirst('latest-of-the-best', manifest.epochs)[0]?.epoch;
  const record = manifest.epochs.find((one) => one.epoch === epoch);
  if (record === undefined) return [];
  const config = Trained.safeParse(manifest.config);
  if (!config.success) return [];
  const { groups, epochs: planned, ground_truth: truth } = config.data;
  const isChosen = manifest.selection !== null;
  const { stage: id, epochs } = manifest;
  return [{ id, directory, groups, record, isChosen, truth: truth.sha256, epochs, planned }];
}
