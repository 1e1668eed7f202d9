import type { Plan, PlanStage } from '../../pipelines/plan.ts';
import { gmacs } from './format.ts';

/** The plan as a Mermaid flowchart: a box a stage, an arrow a need, a frame around a sub-pipeline. */
export function planMermaid(plan: Plan): string {
  return ['flowchart TD', ...stagesOf(plan, 's', '  ')].join('\n');
}

// Stage ids may be words that Mermaid keeps for itself (`end`), so boxes are named by position.
function stagesOf(plan: Plan, prefix: string, indent: string): string[] {
  const names = new Map(plan.stages.map((stage, index) => [stage.id, `${prefix}${index}`]));
  const boxes = plan.stages.flatMap((stage) => {
    const name = names.get(stage.id) ?? '';
    if (stage.plan === null) return [`${indent}${name}["${label(stage)}"]`];
    return [
      `${indent}subgraph ${name}["${label(stage)}"]`,
      ...stagesOf(stage.plan, `${name}_`, `${indent}  `),
      `${indent}end`,
    ];
  });
  const arrows = plan.stages.flatMap((stage) =>
    stage.needs.map((need) => `${indent}${names.get(need) ?? ''} --> ${names.get(stage.id) ?? ''}`),
  );
  return [...boxes, ...arrows];
}

function label(stage: PlanStage): string {
  const uses = stage.matrix === null ? stage.uses : `${stage.uses} × ${stage.matrix.length}`;
  const lines = [stage.id, uses, ...(stage.cost === null ? [] : [`${gmacs(stage.cost.gmacs * 1e9)} GMACs`])];
  return lines.map((line) => line.replaceAll('"', '#quot;')).join('<br/>');
}
