import { getExternalWorkflowHandle, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import { parseActivityId, pauseSignal, resumeSignal } from '../plan/messages.ts';
import type { RunState, RunStatus } from '../plan/messages.ts';
import type { Plan, PlanStage } from '../plan/plan.ts';
import type { Scope } from '../plan/references.ts';
import { detailsOf, MOST_ROWS } from './details.ts';
import { Gate } from './gate.ts';
import type { OnPause } from './gate.ts';
import { isOver, outputsOf } from './records.ts';
import type { Records, StageRecord, Work } from './records.ts';
import { statusOf } from './status.ts';
import type { JsonObject } from '../plan/json.ts';

/** The one changeable thing of the interpreter: records, the gate before new work, and what runs just now. */
export class Run {
  readonly plan: Plan;
  readonly records: Records;
  readonly gate: Gate;
  ended: 'done' | 'failed' | 'cancelled' | null = null;
  // Looked up thousands of times where there are thousands of stages.
  readonly #stages: ReadonlyMap<string, { readonly stage: PlanStage; readonly record: StageRecord }>;
  /** Of stages that are over. */
  readonly #outputs: Record<string, JsonObject | null> = {};

  constructor(plan: Plan, records: Records) {
    this.plan = plan;
    this.records = records;
    this.gate = new Gate(() => records.paused);
    const recorded = new Map(records.stages.map((record) => [record.id, record]));
    this.#stages = new Map(
      plan.stages.map((stage) => [stage.id, { stage, record: recorded.get(stage.id) ?? { id: stage.id, works: [] } }]),
    );
    for (const { id } of plan.stages) this.#keepOutputs(id);
  }

  record(id: string): StageRecord {
    return this.#find(id).record;
  }

  /** What references of a stage's cell see. */
  scope(matrix: JsonObject = {}): Scope {
    return { params: this.plan.params, matrix, stages: this.#outputs };
  }

  /** Changes a work's record and shows it to whoever looks. */
  mark(work: Work, change: Partial<Work>): void {
    Object.assign(work, change);
    if (isOver(work)) this.#keepOutputs(parseActivityId(work.id).stage);
    this.show();
  }

  notice(text: string): void {
    this.records.notices = [...this.records.notices, text].slice(-10);
    this.show();
  }

  show(): void {
    const status = statusOf(this.plan, this.records, this.#state(), MOST_ROWS);
    setCurrentDetails(detailsOf(status, this.plan.stages.length));
  }

  status(): RunStatus {
    return statusOf(this.plan, this.records, this.#state());
  }

  pause(): void {
    this.records.paused = true;
    for (const [id, { scope, onPause }] of this.gate.atWork) {
      if (onPause === 'stop') scope.cancel();
      if (onPause === 'tell') this.#tell(id, pauseSignal.name);
    }
    this.show();
  }

  resume(): void {
    this.records.paused = false;
    for (const [id, { onPause }] of this.gate.atWork) if (onPause === 'tell') this.#tell(id, resumeSignal.name);
    this.gate.letIn();
    this.show();
  }

  /** A quiet moment in a history that has grown long. */
  shouldContinueAsNew(): boolean {
    return this.gate.atWork.size === 0 && workflowInfo().continueAsNewSuggested;
  }

  #find(id: string): { readonly stage: PlanStage; readonly record: StageRecord } {
    const found = this.#stages.get(id);
    if (found === undefined) throw new Error(`plan ${this.plan.id}: expected a stage ${id}, got none`);
    return found;
  }

  #keepOutputs(id: string): void {
    const { stage, record } = this.#find(id);
    if (record.works.every(isOver)) this.#outputs[id] = outputsOf(stage, record);
  }

  #state(): RunState {
    if (this.ended !== null) return this.ended;
    if (this.records.paused) return 'paused';
    return this.gate.atWork.size === 0 && this.records.stages.some(({ works }) => works.some(asksSomebody))
      ? 'waiting'
      : 'running';
  }

  #tell(work: string, signal: string): void {
    const id = childIdOf(this.plan.id, work);
    getExternalWorkflowHandle(id)
      .signal(signal)
      .catch((error: unknown) => this.notice(`${signal} ${id}: ${String(error)}`));
  }
}

function asksSomebody({ state }: Work): boolean {
  return state === 'parked' || state === 'selecting';
}

export function onPauseOf(stage: PlanStage): OnPause {
  if (stage.plan !== null) return 'tell';
  return stage.work === 'heavy' ? 'stop' : 'finish';
}

/** Run id of the sub-pipeline that a stage (or its cell) runs. */
export function childIdOf(run: string, work: string): string {
  return `${run}.${work}`;
}
