import { getExternalWorkflowHandle, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { JsonObject } from '../plan/json.ts';
import { pauseSignal, resumeSignal } from '../plan/messages.ts';
import type { RunState, RunStatus } from '../plan/messages.ts';
import { childIdOf, parseActivityId } from '../plan/names.ts';
import type { Plan, PlanStage } from '../plan/plan.ts';
import { reuseByStage } from '../plan/reuse.ts';
import type { Reuse } from '../plan/reuse.ts';
import { detailsOf, MOST_ROWS } from './details.ts';
import { Gate } from './gate.ts';
import { Notifier } from './notify.ts';
import { isOver, outputsIn, stateOf } from './records.ts';
import type { CellRecord, Records, StageRecord } from './records.ts';
import { SearchAttributes } from './search.ts';
import { tellCellEnded, tellRunEnded } from './spans.ts';
import { statusOf } from './status.ts';

/** The one changeable thing of the interpreter: records, the gate before new work, and what runs just now. */
export class Run {
  readonly plan: Plan;
  readonly records: Records;
  readonly gate: Gate;
  readonly notifier: Notifier;
  /** Where finished work of a stage may come from. */
  readonly reuse: (stage: string) => Reuse;
  #ended: 'done' | 'failed' | 'cancelled' | null = null;
  // Looked up thousands of times where there are thousands of stages.
  readonly #stages: ReadonlyMap<string, { readonly stage: PlanStage; readonly record: StageRecord }>;
  readonly #outputs: Record<string, JsonObject | null> = {};
  readonly #searchAttributes = new SearchAttributes();

  constructor(plan: Plan, records: Records) {
    this.plan = plan;
    this.records = records;
    this.gate = new Gate(() => records.paused);
    this.notifier = new Notifier(plan, (text) => this.notice(text));
    this.reuse = reuseByStage(plan);
    const recorded = new Map(records.stages.map((record) => [record.id, record]));
    this.#stages = new Map(
      plan.stages.map((stage) => [stage.id, { stage, record: recorded.get(stage.id) ?? { id: stage.id, cells: [] } }]),
    );
    for (const { id } of plan.stages) this.#keepOutputs(id);
  }

  record(id: string): StageRecord {
    return this.#find(id).record;
  }

  /** Of stages that are over. */
  get outputs(): Readonly<Record<string, JsonObject | null>> {
    return this.#outputs;
  }

  /** Changes a cell's record and shows it to whoever looks. */
  mark(cell: CellRecord, change: Partial<CellRecord>): void {
    const { state: before } = cell;
    Object.assign(cell, change);
    const { stage } = parseActivityId(cell.id);
    if (cell.state === 'running') cell.began ??= Date.now();
    if (isOver(cell)) this.#keepOutputs(stage);
    if (cell.state !== before) {
      this.#tell(stage, cell);
      if (isOver(cell)) unlessPutAway(() => tellCellEnded(cell));
    }
    this.show();
  }

  // Of many cells that park, the first one is told of.
  #tell(stage: string, cell: CellRecord): void {
    const { cells } = this.record(stage);
    const others = cells.filter((other) => other !== cell);
    const { id, state, error } = cell;
    const { id: run } = this.plan;
    if (state === 'parked' && !others.some((other) => other.state === 'parked')) {
      const ways = ['retry', 'skip', 'abort'].map((verb) => `nas ${verb} ${run} ${stage}`);
      this.notifier.tell('parked', id, `${run}: ${id} failed and waits: ${error ?? ''}`, ways);
    }
    if (state === 'selecting') {
      const text = `${run}: ${id} waits for the choice of its epoch`;
      this.notifier.tell('selecting', id, text, [`nas status ${run}`, `nas select ${run} ${stage} EPOCH`]);
    }
    if (isOver(cell) && cells.every(isOver)) {
      const end = stateOf({ id: stage, cells });
      if (end !== 'skipped') this.notifier.tell('stage', stage, `${run}: ${stage} is ${end}`, [`nas status ${run}`]);
    }
  }

  /** The run is over. @param error why it failed; null where it did not */
  end(ending: 'done' | 'failed' | 'cancelled', error: string | null = null): void {
    this.#ended = ending;
    this.show();
    unlessPutAway(() => tellRunEnded(ending, error));
  }

  notice(text: string): void {
    this.records.notices = [...this.records.notices, text].slice(-10);
    this.show();
  }

  /** Writes the page of the run and its search attributes anew. Whatever goes wrong with that must not stop the run. */
  show(): void {
    const page = this.#page();
    unlessPutAway(() => {
      setCurrentDetails(page);
      this.#searchAttributes.tell(this.records, this.#state());
    });
  }

  status(): RunStatus {
    return statusOf(this.plan, this.records, this.#state());
  }

  pause(): void {
    this.records.paused = true;
    for (const [id, { scope, onPause }] of this.gate.atWork) {
      if (onPause === 'stop') scope.cancel();
      if (onPause === 'tell') this.#signal(id, pauseSignal.name);
    }
    this.show();
  }

  resume(): void {
    this.records.paused = false;
    for (const [id, { onPause }] of this.gate.atWork) if (onPause === 'tell') this.#signal(id, resumeSignal.name);
    this.gate.letIn();
    this.show();
  }

  /** A quiet moment in a history that has grown long. */
  shouldContinueAsNew(): boolean {
    return this.gate.atWork.size === 0 && workflowInfo().continueAsNewSuggested;
  }

  #page(): string {
    try {
      const status = statusOf(this.plan, this.records, this.#state(), MOST_ROWS);
      return detailsOf(status, this.plan.stages.length);
    } catch (error) {
      return `This page could not be written: ${String(error)}`;
    }
  }

  #find(id: string): { readonly stage: PlanStage; readonly record: StageRecord } {
    const found = this.#stages.get(id);
    if (found === undefined) throw new Error(`plan ${this.plan.id}: expected a stage ${id}, got none`);
    return found;
  }

  #keepOutputs(id: string): void {
    const { stage, record } = this.#find(id);
    if (record.cells.every(isOver)) this.#outputs[id] = outputsIn(stage, record);
  }

  #state(): RunState {
    if (this.#ended !== null) return this.#ended;
    if (this.records.paused) return 'paused';
    const isAsking = this.records.stages.some(({ cells }) => cells.some(asksSomebody));
    return this.gate.atWork.size === 0 && isAsking ? 'waiting' : 'running';
  }

  #signal(cell: string, signal: string): void {
    const id = childIdOf(this.plan.id, cell);
    getExternalWorkflowHandle(id)
      .signal(signal)
      .catch((error: unknown) => this.notice(`${signal} ${id}: ${String(error)}`));
  }
}

function asksSomebody({ state }: CellRecord): boolean {
  return state === 'parked' || state === 'selecting';
}

// A run that the worker has put away has no page any more. An error here would end the worker.
function unlessPutAway(tell: () => void): void {
  try {
    tell();
  } catch {
    // Nobody is there to be told.
  }
}
