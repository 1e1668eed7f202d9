import pc from 'picocolors';
import type { Estimate, Rate } from '../estimate.ts';
import type { Forecast } from '../forecast.ts';
import { columns } from './format.ts';
import type { Plan, PlanStage, Select } from '../../plan/plan.ts';
import { bytes, duration, gmacs, many } from '../../report/format.ts';

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
    `run ${plan.id}: ${many(plan.stages.length, 'stage')}${total > 0 ? `, ${gmacs(total * 1e9)} GMACs` : ''}`,
    ...(params.length > 0 ? [`params ${params.join(' ')}`] : []),
    '',
    ...columns(treeRows(forest(plan), '')),
  ].join('\n');
}

/** What all stages together cost, in 10⁹ multiply-accumulates. A stage that holds a plan already counts its stages. */
function totalGmacs(plan: Plan): number {
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

function treeRows(nodes: readonly Node[], indent: string, nested = false): string[][] {
  return nodes.flatMap((node, index) => {
    const last = index === nodes.length - 1;
    const branch = nested ? (last ? '└─ ' : '├─ ') : '';
    const below = indent + (nested ? (last ? '   ' : '│  ') : '');
    const inner = node.stage.plan === null ? [] : treeRows(forest(node.stage.plan), `${below}┆ `);
    return [row(node, indent + branch), ...inner, ...treeRows(node.children, below, true)];
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
function selectInWords(select: Select): string {
  const rule = select.rule === 'max' ? 'the first epoch with the best tau' : 'the latest epoch with the best tau';
  if (select.wait === 'none') return rule;
  const limit = select.timeoutMs === null ? '' : `, after ${duration(select.timeoutMs)} ${rule}`;
  return `waits for \`nas select\`${limit}`;
}

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

/** What every stage will take, a line each after an empty one, and where the rate comes from; nothing where nothing is computed. */
export function estimateLines({ rate, stages, hours, memory, disk }: Estimate): string[] {
  if (stages.length === 0) return [];
  const time = rate.device === 'gpu' ? 'GPU-hours' : 'hours';
  const haveRanks = stages.some(({ ranks }) => ranks > 1);
  const head = ['about', time, haveRanks ? 'memory of each' : 'memory', 'results', ...(haveRanks ? ['ranks'] : [])].map(
    (title) => pc.dim(title),
  );
  const rows = stages.map((one) => [
    one.cells === 1 ? one.stage : `${one.stage}, ${one.cells} cells`,
    hoursInWords(one.hours),
    bytes(one.memory),
    `≤ ${bytes(one.disk)}`,
    ...(haveRanks ? [ranksInWords(one)] : []),
  ]);
  const all = ['all', hoursInWords(hours), `≤ ${bytes(memory)}`, `≤ ${bytes(disk)}`];
  return ['', ...columns([head, ...rows, all]), pc.dim(rateInWords(rate))];
}

function ranksInWords({ ranks, batch }: Estimate['stages'][number]): string {
  return ranks === 1 || batch === null ? '' : `${ranks} × ${batch / ranks} = ${batch} images a step`;
}

/** What the ranks of a plan need of workers; nothing where no stage has any. @param devices that this machine has */
export function ranksLines({ stages }: Estimate, devices: number): string[] {
  const most = Math.max(...stages.map(({ ranks }) => ranks));
  if (!(most > 1)) return [];
  const here = `this machine has ${devices}`;
  const line = `stages of ${most} ranks need a worker with ${most} devices; ${here}`;
  return ['', devices < most ? pc.red(`! ${line}`) : pc.dim(line)];
}

/** Below an hour as minutes or seconds. */
function hoursInWords(hours: number): string {
  if (hours < 1) return duration(hours * 3_600_000);
  return hours >= 100 ? Math.round(hours).toLocaleString('en-US') : hours.toPrecision(3);
}

function rateInWords({ from, device, float32, bf16, bandwidth, operation }: Rate): string {
  const speed = float32 === bf16 ? plain(float32) : `${plain(float32)} (bf16: ${plain(bf16)})`;
  const place = device === 'gpu' ? 'a card' : 'a thread of this processor';
  const source = {
    given: 'as given',
    measured: 'as `nas doctor` measured here; --rate TFLOP/s for another device',
    assumed: 'assumed; `nas doctor` measures it here, --rate TFLOP/s gives it',
  }[from];
  return `at ${speed} TFLOP/s, ${plain(bandwidth)} GB/s and ${operation.toFixed(0)} µs an operation for ${place}, ${source}`;
}

function plain(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** What will become of stages and why, a line each after an empty one; nothing for none. */
export function forecastLines(forecasts: readonly Forecast[]): string[] {
  if (forecasts.length === 0) return [];
  const marks = { run: pc.cyan('▶'), 'be reused': pc.green('↺'), 'be skipped': pc.dim('-'), park: pc.red('!') };
  const words = { run: 'will run, ', 'be reused': '', 'be skipped': 'will be skipped, ', park: 'will park: ' };
  const rows = forecasts.map(({ stage, will, why }) => [`${marks[will]} ${stage}`, words[will] + why]);
  return ['', ...columns(rows)];
}
