import type { CellCounts, RunState, RunStatus, StageStatus } from '../plan/messages.ts';
import type { Plan, PlanStage } from '../plan/plan.ts';
import { isObject } from '../plan/json.ts';
import { chooseByRule, chosenOf, isOver, outputsOf, stateOf } from './records.ts';
import type { Records, StageRecord, Work } from './records.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** The answer to the query `status`: a pure function of what the run has recorded; of the first `most` stages. */
export function statusOf(plan: Plan, records: Records, state: RunState, most = Infinity): RunStatus {
  const stages = plan.stages
    .slice(0, most)
    .map((stage, at) => stageStatus(stage, records.stages[at] ?? { id: stage.id, works: [] }));
  return { id: plan.id, name: plan.name, state, stages, notices: records.notices };
}

function stageStatus(stage: PlanStage, record: StageRecord): StageStatus {
  const { works } = record;
  const [first] = works;
  const state = stateOf(record);
  const errors = works.filter((work) => work.error !== null && !isOverWell(work.state));
  const epochs = stage.with['epochs'];
  const set: Record<string, Json> = Object.assign({}, ...works.map((work) => work.set));
  return {
    id: stage.id,
    uses: stage.uses,
    state,
    attempts: works.reduce((sum, work) => sum + work.attempts, 0),
    ...(typeof epochs === 'number' ? { epochs } : {}),
    ...(errors.length > 0 ? { error: errors.map((work) => errorLine(stage, work.id, work.error)).join('\n') } : {}),
    ...(stage.matrix === null ? chosen(record) : { cells: cellsOf(record) }),
    ...(state === 'selecting' && first?.result?.choices != null ? { choices: first.result.choices } : {}),
    ...reasonOf(stage, record),
    ...(Object.keys(set).length > 0 ? { set } : {}),
    ...(works.every(isOver) ? { outputs: outputsOf(stage, record) } : {}),
  };
}

function isOverWell(state: string): boolean {
  return state === 'done' || state === 'skipped';
}

function errorLine(stage: PlanStage, work: string, error: string | null): string {
  return stage.matrix === null ? (error ?? '') : `${work}: ${error}`;
}

function chosen(record: StageRecord): Pick<StageStatus, 'epoch' | 'tau' | 'interval' | 'supernet'> {
  const [work] = record.works;
  const choices = work?.result?.choices ?? [];
  if (work === undefined || choices.length === 0) return {};
  const choice = chosenOf(work) ?? chooseByRule('latest-of-the-best', choices);
  const supernet = fileOf(work.outputs);
  return {
    epoch: choice.key,
    ...(choice.score === null ? {} : { tau: choice.score }),
    ...(choice.interval === null ? {} : { interval: choice.interval }),
    ...(supernet === null ? {} : { supernet }),
  };
}

// The first output that is a file: what a chosen stage passes on.
function fileOf(outputs: JsonObject | null): string | null {
  for (const output of Object.values(outputs ?? {})) {
    const file = isObject(output) ? output['file'] : null;
    if (typeof file === 'string') return file;
  }
  return null;
}

function cellsOf({ works }: StageRecord): CellCounts {
  const parked = works.filter((work) => work.state === 'parked').map((work) => work.id);
  const done = works.filter((work) => work.state === 'done');
  return { done: done.length, reused: done.filter(isReused).length, total: works.length, parked };
}

function reasonOf(stage: PlanStage, { works }: StageRecord): Pick<StageStatus, 'reason'> {
  const reused = works.filter((work) => work.state === 'done' && isReused(work));
  const why = reused[0]?.result?.reused;
  if (why == null) return {};
  return {
    reason: stage.matrix === null ? why : `${reused.length} of ${works.length} cells reused; ${reused[0]?.id}: ${why}`,
  };
}

function isReused({ result }: Work): boolean {
  return result?.reused != null;
}
