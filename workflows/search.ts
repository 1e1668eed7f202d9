import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { RunState, StageState } from '../plan/messages.ts';
import type { SearchAttribute, SearchValue, WaitForPeople } from '../plan/search.ts';
import { choiceIn, stateOf } from './records.ts';
import type { CellRecord, Records } from './records.ts';

/** Of a list the server keeps 2 kB. */
const MOST_STAGES = 15;

const AT_WORK: ReadonlySet<StageState> = new Set(['running', 'selecting', 'parked', 'paused']);

/**
 * Whether the server has the search attributes: then the run was started with one. To set one on a server that does not have
 * it would stop the run.
 */
export function isSearchable(): boolean {
  return ('NasPipeline' satisfies SearchAttribute) in workflowInfo().searchAttributes;
}

/** Keeps the server's search attributes of a run as its records are. */
export class SearchAttributes {
  #told = '';

  tell(records: Records, state: RunState): void {
    if (!isSearchable()) return;
    const values = valuesOf(records, state);
    const text = JSON.stringify(values);
    if (text === this.#told) return;
    this.#told = text;
    upsertSearchAttributes(values);
  }
}

function valuesOf({ stages, paused }: Records, state: RunState): SearchValue[] {
  const isOver = state === 'done' || state === 'failed' || state === 'cancelled';
  const open = isOver ? [] : stages.filter((stage) => AT_WORK.has(stateOf(stage)));
  const has = (wanted: CellRecord['state']): boolean =>
    open.some(({ cells }) => cells.some((cell) => cell.state === wanted));
  const waits: WaitForPeople[] = [
    ...(has('selecting') ? (['epoch'] as const) : []),
    ...(has('parked') ? (['parked stage'] as const) : []),
    ...(paused && !isOver ? (['resume'] as const) : []),
  ];
  const taus = stages.flatMap(({ cells }) => cells.flatMap((cell) => choiceIn(cell)?.tau ?? []));
  return [
    { key: { name: 'NasState', type: 'KEYWORD' }, value: state },
    { key: { name: 'NasStage', type: 'KEYWORD_LIST' }, value: listOf(open.slice(0, MOST_STAGES).map(({ id }) => id)) },
    { key: { name: 'NasTau', type: 'DOUBLE' }, value: taus.length === 0 ? null : Math.max(...taus) },
    { key: { name: 'NasWaitsFor', type: 'KEYWORD_LIST' }, value: listOf(waits) },
  ];
}

function listOf(values: string[]): string[] | null {
  return values.length === 0 ? null : values;
}
