import { z } from 'zod';
import { catalogue } from '../artifacts/catalogue.ts';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { JsonMap } from '../artifacts/json.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { openStore } from '../artifacts/results.ts';
import { byName, choicesOf, decide, selectedOf } from '../artifacts/reuse.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import { hasUnpinnedLists } from '../nas/data/lists.ts';
import { changesOf, fingerprintOf } from '../pipelines/fingerprint.ts';
import { kinds } from '../pipelines/kinds/catalogue.ts';
import type { Plan, PlanStage } from '../plan/plan.ts';
import { references, resolve } from '../plan/references.ts';
import { chosenByRule, plainSelect } from '../plan/choice.ts';
import { reuseByStage } from '../plan/reuse.ts';
import type { Json, JsonObject } from '../plan/json.ts';
import { here } from '../runtime/machine.ts';

/** What will become of a stage, as far as it can be told before. */
export interface Forecast {
  readonly stage: string;
  readonly will: 'be reused' | 'run';
  readonly why: string;
}

/** One cell: what it will give where that is known. */
interface CellForecast extends Omit<Forecast, 'stage'> {
  readonly outputs: JsonObject | null;
}

const MOST_CHANGES = 3;

/**
 * Says of every stage whether it will run or be taken over, and why; nothing where there are no results yet. Files are looked for, not hashed: that is done when they are taken.
 */
export async function forecast(plan: Plan, root: string): Promise<Forecast[]> {
  const store = openStore(root);
  const known = await catalogue(root);
  if (known.length === 0) return [];
  const outputs: Record<string, JsonObject | null> = {};
  const forecasts: Forecast[] = [];
  for (const stage of plan.stages) {
    const referred = references(stage.with).filter(({ scope }) => scope === 'stages');
    const inputs = [...stage.needs, ...referred.flatMap(({ path }) => path.slice(0, 1))];
    const unknown = inputs.find((need) => outputs[need] === undefined);
    const cells =
      unknown === undefined
        ? await Promise.all(
            (stage.matrix ?? [{}]).map((cell) => forecastCell(plan, stage, cell, outputs, store, known)),
          )
        : [willRun(`because ${unknown} will`)];
    const running = cells.filter(({ will }) => will === 'run');
    const [first] = running.length > 0 ? running : cells;
    const count =
      running.length > 0 && stage.matrix !== null ? `${running.length} of ${stage.matrix.length} cells ` : '';
    forecasts.push({ stage: stage.id, will: first?.will ?? 'run', why: count + (first?.why ?? '') });
    const made = cells.map((cell) => cell.outputs);
    if (made.every((one) => one !== null)) outputs[stage.id] = stage.matrix === null ? (made[0] ?? null) : joined(made);
  }
  return forecasts;
}

async function forecastCell(
  plan: Plan,
  stage: PlanStage,
  cell: JsonObject,
  stages: Readonly<Record<string, JsonObject | null>>,
  store: ArtifactStore,
  known: readonly CataloguedStage[],
): Promise<CellForecast> {
  const scope = { params: plan.params, matrix: cell, stages };
  const directory = `${plan.id}/${z.string().parse(resolve(stage.directory, scope))}`;
  const reuse = reuseByStage(plan)(stage.id);
  const kind = kinds.get(stage.uses);
  const parsed = kind?.schema.safeParse(resolve(stage.with, scope));
  if (kind === undefined || stage.plan !== null || parsed?.success !== true) return willRun('');
  const config = JsonMap.parse(parsed.data);
  const fingerprint = fingerprintOf(stage.uses, config);
  const { uses } = stage;
  const wanted = { uses, directory, fingerprint, reuse, isReusable: kind.isReusable, here: here() };
  const decision = await decide(store, wanted, byName);
  if (decision.to === 'keep') return willBeReused(decision.why, await outputsOf(decision.manifest, stage, store));
  if (decision.to === 'take over') {
    return willBeReused(decision.why, await outputsOf(decision.from.manifest, stage, store));
  }
  if (decision.to === 'refuse') return willRun(decision.why);
  if (decision.before !== null) return willRun('on from its last checkpoint');
  if (reuse === 'nothing') return willRun('because nothing of other runs is taken over');
  if (!kind.isReusable) return willRun('because nobody knows what else its program reads');
  if (hasUnpinnedLists(config)) {
    return willRun('unless a run has done it with the lists of its images, which are not here');
  }
  return willRun(nearest(uses, config, known));
}

// Why no earlier work fits: how the one that comes nearest differs.
function nearest(uses: string, config: JsonObject, known: readonly CataloguedStage[]): string {
  const [best] = known
    .filter(({ manifest }) => manifest.uses === uses && manifest.state === 'done')
    .map(({ directory, manifest }) => ({ directory, changes: changesOf(uses, JsonMap.parse(manifest.config), config) }))
    .toSorted((a, b) => a.changes.length - b.changes.length);
  if (best === undefined) return 'because no run has done it yet';
  const { directory, changes } = best;
  if (changes.length === 0) return `because the code of ${uses} has changed since ${directory}, or its files are gone`;
  const shown = changes.slice(0, MOST_CHANGES).map(({ key, before, now }) => `${key} (${before} → ${now})`);
  const more = changes.length > MOST_CHANGES ? ` and ${changes.length - MOST_CHANGES} more` : '';
  return `because ${shown.join(', ')}${more} changed since ${directory}`;
}

// What a finished stage passes on; null where an epoch is still to be chosen by a person.
async function outputsOf(manifest: Manifest, { select }: PlanStage, store: ArtifactStore): Promise<JsonObject | null> {
  if (manifest.epochs.length === 0 || manifest.selection?.by === 'person') return manifest.outputs;
  const { wait, rule } = select ?? plainSelect;
  const chosen = wait === 'signal' ? null : chosenByRule(rule, await choicesOf(store, manifest));
  const selected = chosen === null ? null : selectedOf(manifest, chosen.epoch);
  return selected === null ? null : { selected: { ...selected } };
}

function joined(cells: readonly JsonObject[]): JsonObject {
  const names = new Set(cells.flatMap((cell) => Object.keys(cell)));
  const list = (name: string): Json => cells.map((cell) => cell[name] ?? null);
  return Object.fromEntries([...names].map((name) => [name, list(name)]));
}

function willRun(why: string): CellForecast {
  return { will: 'run', why, outputs: null };
}

function willBeReused(why: string, outputs: JsonObject | null): CellForecast {
  return { will: 'be reused', why, outputs };
}
