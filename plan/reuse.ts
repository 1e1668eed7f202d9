import type { Plan, PlanReuse } from './plan.ts';
import type { Reuse } from './results.ts';

/** What a plan takes over of other runs. Pure: the workflow asks the same. */

/** Where finished work of a stage may come from. */
export function reuseOf({ reuse, stages }: Plan, id: string): Reuse {
  if (reuse === undefined) return 'anything';
  if (reuse === 'nothing') return 'nothing';
  const { run, stage: first } = reuse;
  if (first === null) return { run };
  const needs = new Map(stages.map((stage) => [stage.id, stage.needs]));
  const isBefore = (earlier: string, later: string): boolean =>
    (needs.get(later) ?? []).some((need) => need === earlier || isBefore(earlier, need));
  if (isBefore(id, first)) return { run };
  return id === first || isBefore(first, id) ? 'nothing' : 'anything';
}

/** The same for the sub-plan that a stage runs under a run id of its own, which `childOf` makes of a run's. */
export function reuseOfChild(plan: Plan, id: string, childOf: (run: string) => string): PlanReuse | undefined {
  const reuse = reuseOf(plan, id);
  if (reuse === 'anything') return undefined;
  return reuse === 'nothing' ? reuse : { run: childOf(reuse.run), stage: null };
}
