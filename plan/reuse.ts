import type { Plan, PlanReuse } from './plan.ts';

/** What a run takes over of other runs. */

/** Work with the same fingerprint of any run, no work of other runs, or that run's work as it is. */
export type Reuse = 'anything' | 'nothing' | { readonly run: string };

/** Where finished work of each stage may come from, by its id. Linear in the plan, which may have thousands of stages. */
export function reuseByStage({ reuse, stages }: Plan): (id: string) => Reuse {
  if (reuse === undefined || reuse === 'nothing') return () => reuse ?? 'anything';
  const { run, stage: first } = reuse;
  if (first === null) return () => ({ run });
  const needs = new Map(stages.map((stage) => [stage.id, stage.needs]));
  const before = new Set<string>();
  const open = [first];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const need of needs.get(id) ?? []) {
      if (!before.has(need)) open.push(need);
      before.add(need);
    }
  }
  // In topological order, so every need is looked at before the stage that has it.
  const after = new Set([first]);
  for (const stage of stages) if (stage.needs.some((need) => after.has(need))) after.add(stage.id);
  return (id) => (before.has(id) ? { run } : after.has(id) ? 'nothing' : 'anything');
}

/** The same for the sub-plan of a stage, which runs under a run id of its own; `childOf` makes that of a run's. */
export function reuseOfChild(reuse: Reuse, childOf: (run: string) => string): PlanReuse | undefined {
  if (reuse === 'anything') return undefined;
  return reuse === 'nothing' ? reuse : { run: childOf(reuse.run), stage: null };
}
