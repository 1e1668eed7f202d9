import { chosenByRule, plainSelect } from '../plan/choice.ts';
import type { Json } from '../plan/json.ts';
import type { CellCounts, RunState, RunStatus, StageStatus } from '../plan/messages.ts';
import type { Plan, PlanStage } from '../plan/plan.ts';
import { choiceIn, fileOf, isOver, isReused, outputsIn, stateOf } from './records.ts';
import type { CellRecord, Records, StageRecord } from './records.ts';

/** The answer to the query `status`: a pure function of what the run has recorded; of the first `most` stages. */
export function statusOf(plan: Plan, records: Records, state: RunState, most = Infinity): RunStatus {
  const stages = plan.stages
    .slice(0, most)
    .map((stage, at) => stageStatus(stage, records.stages[at] ?? { id: stage.id, cells: [] }));
  return { id: plan.id, name: plan.name, state, stages, notices: records.notices };
}

function stageStatus(stage: PlanStage, record: StageRecord): StageStatus {
  const { cells } = record;
  const [first] = cells;
  const state = stateOf(record);
  const errors = cells.filter((cell) => cell.error !== null && cell.state !== 'done' && cell.state !== 'skipped');
  const epochs = stage.with['epochs'];
  const set: Record<string, Json> = Object.assign({}, ...cells.map((cell) => cell.set));
  return {
    id: stage.id,
    uses: stage.uses,
    state,
    attempts: cells.reduce((sum, cell) => sum + cell.attempts, 0),
    ...(typeof epochs === 'number' ? { epochs } : {}),
    ...(errors.length > 0 ? { error: errors.map((cell) => errorLine(stage, cell)).join('\n') } : {}),
    ...(stage.matrix === null ? chosen(stage, first) : { cells: countsOf(cells) }),
    ...(state === 'selecting' && first?.result?.choices != null ? { choices: first.result.choices } : {}),
    ...reasonOf(stage, cells),
    ...(Object.keys(set).length > 0 ? { set } : {}),
    ...(cells.every(isOver) ? { outputs: outputsIn(stage, record) } : {}),
  };
}

function errorLine({ matrix }: PlanStage, { id, error }: CellRecord): string {
  return matrix === null ? (error ?? '') : `${id}: ${error}`;
}

// The epoch that was chosen, or the one that the rule would choose as things stand.
function chosen(
  { select }: PlanStage,
  cell: CellRecord | undefined,
): Pick<StageStatus, 'epoch' | 'tau' | 'interval' | 'supernet'> {
  const choices = cell?.result?.choices ?? [];
  const byRule = chosenByRule((select ?? plainSelect).rule, choices);
  if (cell === undefined || byRule === null) return {};
  const { epoch, tau, interval } = choiceIn(cell) ?? choices.find((choice) => choice.epoch === byRule.epoch)!;
  const supernet = fileOf(cell.outputs);
  return {
    epoch,
    ...(tau === null ? {} : { tau }),
    ...(interval === null ? {} : { interval }),
    ...(supernet === null ? {} : { supernet }),
  };
}

function countsOf(cells: readonly CellRecord[]): CellCounts {
  const parked = cells.filter((cell) => cell.state === 'parked').map((cell) => cell.id);
  const done = cells.filter((cell) => cell.state === 'done');
  return { done: done.length, reused: done.filter(isReused).length, total: cells.length, parked };
}

function reasonOf({ matrix }: PlanStage, cells: readonly CellRecord[]): Pick<StageStatus, 'reason'> {
  const reused = cells.filter((cell) => cell.state === 'done' && isReused(cell));
  const why = reused[0]?.result?.reused;
  if (why == null) return {};
  return {
    reason: matrix === null ? why : `${reused.length} of ${cells.length} cells reused; ${reused[0]?.id}: ${why}`,
  };
}
