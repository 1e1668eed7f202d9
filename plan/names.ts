import type { JsonObject } from './json.ts';
import type { PlanStage } from './plan.ts';

/** The names that work has between workflows, workers, results and people. */

/** The workflow type; its id is the run id. */
export const PIPELINE = 'pipeline';
/** The task queue of the workflows and of light work. */
export const CONTROL_QUEUE = 'control';
/** The task queue of work on a device, be it a card or a processor. Plans name it, so it keeps the name it has in those of 0.1.0. */
export const HEAVY_QUEUE = 'gpu';

/** The task queue of work that takes so many devices of one worker at once: only workers with as many ask it for work. */
export function queueOf(queue: string, devices: number): string {
  return devices === 1 ? queue : `${queue}.${devices}`;
}

/** The queue and the devices that `queueOf` made a name of. */
export function devicesOfQueue(name: string): { readonly name: string; readonly devices: number } {
  const [, queue = name, devices = '1'] = /^(.*)\.([1-9]\d*)$/.exec(name) ?? [];
  return { name: queue, devices: Number(devices) };
}

/** How many devices a stage with that config takes: one for each of its ranks. */
export function devicesOf({ ranks }: JsonObject): number {
  return typeof ranks === 'number' && Number.isInteger(ranks) && ranks > 1 ? ranks : 1;
}

/** One piece of a stage's work: all of it, or one cell of its matrix. */
export interface Cell {
  /** `few-shot-3`; of a matrix stage `evaluate.3`, counted from 1. */
  readonly id: string;
  /** What `${{ matrix.… }}` sees. */
  readonly values: JsonObject;
}

/** The cells of a stage, in order; one for a stage without matrix. */
export function cellsOf({ id, matrix }: Pick<PlanStage, 'id' | 'matrix'>): Cell[] {
  if (matrix === null) return [{ id, values: {} }];
  return matrix.map((values, at) => ({ id: `${id}.${at + 1}`, values }));
}

/** Run id of the sub-pipeline that a cell runs. */
export function childIdOf(run: string, cell: string): string {
  return `${run}.${cell}`;
}

/** The id of a cell's activity: `few-shot-3`, `evaluate.3`; with `~2` in its second round. */
export function activityIdOf(cell: string, round: number): string {
  return round === 1 ? cell : `${cell}~${round}`;
}

/** What the id of an activity says, or that of a cell. */
export function parseActivityId(id: string): { stage: string; cell: string | null; round: number } {
  const [work = id, round = '1'] = id.split('~');
  const [stage = work, cell = null] = work.split('.');
  return { stage, cell, round: Number(round) };
}
