import { catalogue, runOf } from '../artifacts/catalogue.ts';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { JsonMap } from '../artifacts/json.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { openStore } from '../artifacts/results.ts';
import { byName, choicesOf, decide, selectedOf } from '../artifacts/reuse.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import { hasUnpinnedLists } from '../nas/data/lists.ts';
import { changesOf, fingerprintOf, wentOnBecause } from '../pipelines/fingerprint.ts';
import { kindOf } from '../pipelines/kinds/catalogue.ts';
import { chosenByRule, plainSelect } from '../plan/choice.ts';
import { conditionReferences, holds, parseCondition } from '../plan/conditions.ts';
import type { NeedState } from '../plan/conditions.ts';
import { BadInput } from '../plan/endings.ts';
import { childPlanOf, inputOf, outputsOf } from '../plan/inputs.ts';
import type { JsonObject } from '../plan/json.ts';
import { cellsOf } from '../plan/names.ts';
import type { Cell } from '../plan/names.ts';
import type { Plan, PlanStage } from '../plan/plan.ts';
import { references } from '../plan/references.ts';
import type { Reference } from '../plan/references.ts';
import { reuseByStage } from '../plan/reuse.ts';
import type { Reuse } from '../plan/reuse.ts';
import { here } from '../runtime/machine.ts';

/** What will become of a cell, as far as it can be told before. */
type Will = 'run' | 'be reused' | 'be skipped' | 'park';

/** What will become of the stages of a plan. Those of a sub-pipeline stand behind their stage: `sub.one-shot`. */
export interface Forecast {
  readonly stage: string;
  /** Of its cells, what most needs to be known. */
  readonly will: Will;
  readonly why: string;
  /** How many cells will do what; of a stage without matrix, one. */
  readonly cells: Readonly<Partial<Record<Will, number>>>;
}

interface CellForecast {
  readonly will: Will;
  readonly why: string;
  /** What it will give; null where that is not known before. */
  readonly outputs: JsonObject | null;
}

/** The results as they are, and the plan that they are looked through for. */
interface Looking {
  readonly plan: Plan;
  readonly store: ArtifactStore;
  /** Every stage of every run. */
  readonly known: readonly CataloguedStage[];
  readonly reuseOf: (stage: string) => Reuse;
  /** Of the stages before, by id; no entry for one that has not run yet. */
  readonly outputs: Record<string, JsonObject | null>;
  readonly needs: Map<string, NeedState>;
}

/**
 * Says of every stage whether it will run or be taken over, and why; nothing where there is nothing yet to take over. Files
 * are looked for, not hashed: that is done when they are taken.
 */
export async function forecast(plan: Plan, root: string): Promise<Forecast[]> {
  const known = await catalogue(root);
  if (known.length === 0 && typeof plan.reuse !== 'object') return [];
  const { forecasts } = await forecastPlan(plan, openStore(root), known);
  return forecasts;
}

async function forecastPlan(
  plan: Plan,
  store: ArtifactStore,
  known: readonly CataloguedStage[],
): Promise<{ forecasts: Forecast[]; outputs: JsonObject | null }> {
  const looking: Looking = { plan, store, known, reuseOf: reuseByStage(plan), outputs: {}, needs: new Map() };
  const forecasts: Forecast[] = [];
  for (const stage of plan.stages) {
    const { cells, inner } = await forecastStage(stage, looking);
    const summary = summaryOf(stage, cells);
    forecasts.push(summary, ...inner);
    looking.needs.set(stage.id, summary.will === 'be skipped' ? 'skipped' : 'done');
    if (cells.every(({ will, outputs }) => will === 'be skipped' || outputs !== null)) {
      looking.outputs[stage.id] = outputsOf(
        stage,
        cells.map(({ outputs }) => outputs),
      );
    }
  }
  const isKnown = plan.stages.every(({ id }) => looking.outputs[id] !== undefined);
  return { forecasts, outputs: isKnown ? looking.outputs : null };
}

/** The cells of a stage, and the stages of the sub-pipelines that they run. */
async function forecastStage(
  stage: PlanStage,
  looking: Looking,
): Promise<{ cells: CellForecast[]; inner: Forecast[] }> {
  const cells = cellsOf(stage);
  const wanted = isWanted(stage, looking);
  const before = firstUnknown(references([stage.with, stage.plan?.params ?? {}]), looking);
  const isOpen = wanted !== false && before === undefined;
  const finished = isOpen ? await finishedWork(stage, cells, looking) : new Map<string, string[]>();
  const found = await Promise.all(
    cells.map(async (cell): Promise<CellForecast & { readonly forecasts?: readonly Forecast[] }> => {
      if (wanted === false) return cellWill('be skipped', whySkipped(stage, looking));
      if (before !== undefined) return cellWill('run', `because ${before} will`);
      return await forecastCell(stage, cell, looking, finished).catch((error: unknown) => {
        if (error instanceof BadInput) return cellWill('park', error.message);
        throw error;
      });
    }),
  );
  const inner = found.flatMap(({ forecasts = [] }, at) =>
    forecasts.map((one) => ({ ...one, stage: `${cells[at]!.id}.${one.stage}` })),
  );
  const unless = wanted === null ? ', if its condition holds' : '';
  return { cells: found.map((one) => ({ ...one, why: one.why + unless })), inner };
}

/** Whether the condition of a stage holds; null where that is not known before. */
function isWanted(stage: PlanStage, looking: Looking): boolean | null {
  const { plan, outputs, needs } = looking;
  if (stage.if !== null && firstUnknown(conditionReferences(parseCondition(stage.if)), looking) !== undefined)
    return null;
  const states = stage.needs.map((id) => needs.get(id) ?? 'done');
  return holds(stage.if, { params: plan.params, matrix: {}, stages: outputs }, states);
}

function whySkipped(stage: PlanStage, { needs }: Looking): string {
  const need = stage.needs.find((id) => needs.get(id) === 'skipped');
  return stage.if === null && need !== undefined ? `because ${need} will be` : 'because its condition does not hold';
}

/** The first stage that references look into and whose outputs are not known. */
function firstUnknown(found: readonly Reference[], { outputs }: Looking): string | undefined {
  const stages = found.flatMap(({ scope, path }) => (scope === 'stages' ? path.slice(0, 1) : []));
  return stages.find((id) => outputs[id] === undefined);
}

/** The work of a cell. @throws BadInput */
function workOf(stage: PlanStage, cell: Cell, { plan, reuseOf, outputs }: Looking) {
  const input = inputOf(plan, stage, cell, outputs, { reuse: reuseOf(stage.id) });
  const { config } = kindOf(input.uses).taskOf(input.with, `${stage.id}.with`);
  return { uses: input.uses, directory: input.directory, config, fingerprint: fingerprintOf(input.uses, config) };
}

/** Of the cells' fingerprints the directories of finished stages that have them, asked for all at once. */
async function finishedWork(
  stage: PlanStage,
  cells: readonly Cell[],
  looking: Looking,
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (stage.plan !== null) return new Map();
  const fingerprints = cells.flatMap((cell) => {
    try {
      return [workOf(stage, cell, looking).fingerprint];
    } catch (error) {
      // It is told where the cell is looked at.
      if (error instanceof BadInput) return [];
      throw error;
    }
  });
  const found = await looking.store.recall(fingerprints);
  return new Map(fingerprints.map((fingerprint, at) => [fingerprint, found[at] ?? []]));
}

async function forecastCell(
  stage: PlanStage,
  cell: Cell,
  looking: Looking,
  finished: ReadonlyMap<string, readonly string[]>,
): Promise<CellForecast & { readonly forecasts?: readonly Forecast[] }> {
  const { plan, store, known, reuseOf, outputs } = looking;
  const reuse = reuseOf(stage.id);
  if (stage.plan !== null) {
    return await forecastChild(childPlanOf(plan, stage.plan, cell, outputs, { reuse }), store, known);
  }
  const { uses, directory, config, fingerprint } = workOf(stage, cell, looking);
  const { anewBecause } = kindOf(uses);
  const goesOn = (found: Manifest): string | null => wentOnBecause(uses, found, config);
  const wanted = { uses, directory, fingerprint, goesOn, reuse, isReusable: anewBecause === null, here: here() };
  const decision = await decide(store, wanted, byName, finished.get(fingerprint));
  if (decision.to === 'keep') return await reused(decision.manifest, decision.why, stage, store);
  if (decision.to === 'take over') return await reused(decision.from.manifest, decision.why, stage, store);
  if (decision.to === 'refuse') return cellWill('park', decision.why);
  if (decision.before !== null) return cellWill('run', goingOn(decision.before));
  if (reuse === 'nothing') return cellWill('run', 'because nothing of other runs is taken over');
  if (anewBecause !== null) return cellWill('run', `because ${anewBecause}`);
  if (hasUnpinnedLists(config))
    return cellWill('run', 'unless a run has done it with the lists of its images, which are not here');
  return cellWill('run', nearest({ uses, directory, fingerprint }, config, known));
}

async function forecastChild(
  child: Plan,
  store: ArtifactStore,
  known: readonly CataloguedStage[],
): Promise<CellForecast & { readonly forecasts: readonly Forecast[] }> {
  const { forecasts, outputs } = await forecastPlan(child, store, known);
  const running = forecasts.filter((one) => one.will !== 'be reused').length;
  const own =
    running === 0
      ? cellWill('be reused', 'reused stage by stage')
      : cellWill('run', `${running} of ${forecasts.length} stages`);
  return { ...own, outputs, forecasts };
}

/** Where a stage goes on that has begun the same work before. */
function goingOn({ state, checkpoints, chunks }: Manifest): string {
  if (state === 'done') return 'because files of its result are gone';
  const [checkpoint, chunk] = [checkpoints.at(-1), chunks.at(-1)];
  if (checkpoint) return `on from epoch ${checkpoint.epoch}, step ${checkpoint.step}`;
  return chunk ? `on behind ${chunk.to} subnets` : 'from its beginning: it has saved nothing yet';
}

const MOST_CHANGES = 3;
/** A stage that differs in more values is another one, and not an earlier state of this. */
const MOST_OF_THE_SAME = 8;

/** Why no earlier work fits: how the same stage of another run differs. */
function nearest(
  { uses, directory, fingerprint }: { readonly uses: string; readonly directory: string; readonly fingerprint: string },
  config: JsonObject,
  known: readonly CataloguedStage[],
): string {
  const [best] = known
    .filter(({ manifest }) => manifest.uses === uses && manifest.state === 'done')
    .filter((one) => nameInRun(one.directory) === nameInRun(directory))
    .map((one) => ({ ...one, changes: changesOf(uses, JsonMap.parse(one.manifest.config), config) }))
    .filter(({ changes }) => changes.length <= MOST_OF_THE_SAME)
    .toSorted((a, b) => a.changes.length - b.changes.length);
  if (best === undefined) return 'because no run has done it yet';
  if (best.manifest.fingerprint === fingerprint) return `because files of ${best.directory} are gone`;
  if (best.changes.length === 0) return `because the code of ${uses} has changed since ${best.directory}`;
  const shown = best.changes.slice(0, MOST_CHANGES).map(({ key, before, now }) => `${key} (${before} → ${now})`);
  const more = best.changes.length > MOST_CHANGES ? ` and ${best.changes.length - MOST_CHANGES} more` : '';
  return `because ${shown.join(', ')}${more} changed since ${best.directory}`;
}

function nameInRun(directory: string): string {
  return directory.slice(runOf(directory).length);
}

/** A finished stage; what it passes on is not known where an epoch is still to be chosen by a person. */
async function reused(
  manifest: Manifest,
  why: string,
  { select }: PlanStage,
  store: ArtifactStore,
): Promise<CellForecast> {
  if (manifest.epochs.length === 0 || manifest.selection?.by === 'person') {
    return { ...cellWill('be reused', why), outputs: manifest.outputs };
  }
  const { wait, rule } = select ?? plainSelect;
  const chosen = wait === 'signal' ? null : chosenByRule(rule, await choicesOf(store, manifest));
  const selected = chosen === null ? null : selectedOf(manifest, chosen.epoch);
  return { ...cellWill('be reused', why), outputs: selected && { selected: { ...selected } } };
}

function cellWill(what: Will, why: string): CellForecast {
  return { will: what, why, outputs: null };
}

/** The cells of a stage in one line. */
function summaryOf({ id, matrix }: PlanStage, cells: readonly CellForecast[]): Forecast {
  const order = ['park', 'run', 'be reused', 'be skipped'] as const;
  const counts = new Map<Will, number>();
  for (const cell of cells) counts.set(cell.will, (counts.get(cell.will) ?? 0) + 1);
  const most = order.find((what) => counts.has(what)) ?? 'run';
  const shares = order.flatMap((what) => {
    const some = cells.filter((cell) => cell.will === what);
    const [first] = some;
    if (first === undefined || matrix === null) return first === undefined ? [] : [first.why];
    const number = some.length === cells.length ? `all ${cells.length}` : `${some.length} of ${cells.length}`;
    const alike = new Set(some.map(({ why }) => why)).size > 1 ? ' (and the like)' : '';
    return [`${number} cells${what === most ? '' : ` will ${what}`}, ${first.why}${alike}`];
  });
  return { stage: id, will: most, why: shares.join('; '), cells: Object.fromEntries(counts) };
}
