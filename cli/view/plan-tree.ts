import pc from 'picocolors';
import type { Plan, PlanStage, Select } from '../../pipelines/plan.ts';
import { columns } from './columns.ts';
import { duration, gmacs } from './format.ts';

interface Node {
  readonly stage: PlanStage;
  readonly children: Node[];
  /** Needs other than the one this stage hangs under. */
  readonly also: readonly string[];
}

/** The plan as text: a heading, the parameters, and a tree where each stage hangs under the last of its needs. */
export function planTree(plan: Plan): string {
  const total = totalGmacs(plan);
  const params = Object.entries(plan.params).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [
    `${pc.bold(plan.name)} ${pc.dim(plan.source)}`,
    `run ${plan.id}: ${plan.stages.length} ${plan.stages.length === 1 ? 'stage' : 'stages'}${total > 0 ? `, ${gmacs(total * 1e9)} GMACs` : ''}`,
    ...(params.length > 0 ? [`params ${params.join(' ')}`] : []),
    '',
    ...columns(rows(forest(plan), '')),
  ].join('\n');
}

/** What all stages together cost, in 10⁹ multiply-accumulates. A stage that holds a plan already counts its stages. */
export function totalGmacs(plan: Plan): number {
  return plan.stages.reduce((sum, stage) => sum + (stage.cost?.gmacs ?? 0), 0);
}

function forest(plan: Plan): Node[] {
  const order = new Map(plan.stages.map((stage, index) => [stage.id, index]));
  const nodes = new Map<string, Node>();
  const roots: Node[] = [];
  for (const stage of plan.stages) {
    const needs = stage.needs.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
    const parent = nodes.get(needs.at(-1) ?? '');
    const node: Node = { stage, children: [], also: needs.slice(0, -1) };
    nodes.set(stage.id, node);
    (parent?.children ?? roots).push(node);
  }
  return roots;
}

function rows(nodes: readonly Node[], indent: string, nested = false): string[][] {
  return nodes.flatMap((node, index) => {
    const last = index === nodes.length - 1;
    const branch = nested ? (last ? '└─ ' : '├─ ') : '';
    const below = indent + (nested ? (last ? '   ' : '│  ') : '');
    const inner = node.stage.plan === null ? [] : rows(forest(node.stage.plan), `${below}┆ `);
    return [row(node, indent + branch), ...inner, ...rows(node.children, below, true)];
  });
}

function row({ stage, also }: Node, lead: string): string[] {
  const notes = [
    stage.matrix === null ? '' : `${stage.matrix.length} cells`,
    stage.select === null ? '' : selectInWords(stage.select),
    stage.if === null ? '' : `if ${stage.if}`,
    also.length === 0 ? '' : `needs also ${also.join(', ')}`,
  ];
  return [
    pc.dim(lead) + pc.bold(stage.id),
    stage.uses,
    stage.cost === null ? '' : `${gmacs(stage.cost.gmacs * 1e9)} GMACs`,
    `${stage.directory}/`,
    pc.dim(notes.filter((note) => note !== '').join('; ')),
  ];
}

/** What `select` does to a stage, in words. */
export function selectInWords(select: Select): string {
  const rule = select.rule === 'max' ? 'the first epoch with the best tau' : 'the latest epoch with the best tau';
  if (select.wait === 'none') return rule;
  const limit = select.timeoutMs === null ? '' : `, after ${duration(select.timeoutMs)} ${rule}`;
  return `waits for \`nas select\`${limit}`;
}
