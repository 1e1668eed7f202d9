import { holds } from '../pipelines/conditions.ts';
import type { NeedState } from '../pipelines/conditions.ts';
import type { PlanStage } from '../pipelines/plan.ts';
import { isOver, stateOf } from './records.ts';
import type { Run } from './run.ts';
import { runWork } from './work.ts';

/**
 * Runs a stage to its end once its needs have ended: skipped if its condition does not hold, else all cells side by
 * side, each on its own. Rejects only when the run is cancelled, and then after every cell has stopped.
 */
export async function runStage(run: Run, stage: PlanStage, needs: readonly Promise<void>[]): Promise<void> {
  await Promise.all(needs);
  const { works } = run.record(stage.id);
  const untouched = works.every((work) => work.state === 'waiting' && work.rounds === 0);
  if (untouched && !isWanted(run, stage)) {
    for (const work of works) if (work.state === 'waiting') run.mark(work, { state: 'skipped' });
    return;
  }
  const cells = works.map((work, at) => runWork(run, stage, work, stage.matrix?.[at] ?? {}));
  const ends = await Promise.allSettled(cells);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

function isWanted(run: Run, stage: PlanStage): boolean {
  const needs = stage.needs.map((id): NeedState => {
    const state = stateOf(run.record(id));
    return state === 'failed' || state === 'skipped' ? state : 'done';
  });
  return holds(stage.if, run.scope(), needs);
}

export function isStageOver(run: Run, stage: PlanStage): boolean {
  return run.record(stage.id).works.every(isOver);
}
