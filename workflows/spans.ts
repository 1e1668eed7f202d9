import { proxySinks, workflowInfo } from '@temporalio/workflow';
import type { SpanSinks } from '../plan/spans.ts';
import { isReused } from './records.ts';
import type { CellRecord } from './records.ts';

/** The interpreter's word to whoever traces runs: that the run, or a cell of it, has ended. */

const { spans } = proxySinks<SpanSinks>();

/** A cell that never began has taken no time, and is not told of. */
export function tellCellEnded(cell: CellRecord): void {
  const { id, state, began, attempts, error } = cell;
  if (began === undefined) return;
  const ending = isReused(cell) ? 'reused' : state;
  spans.ended({ stage: id, began, ended: Date.now(), ending, attempts, error: state === 'failed' ? error : null });
}

export function tellRunEnded(ending: 'done' | 'failed' | 'cancelled', error: string | null): void {
  const began = workflowInfo().startTime.getTime();
  spans.ended({ stage: null, began, ended: Date.now(), ending, attempts: 0, error });
}
