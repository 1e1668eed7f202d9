import {
  CancellationScope,
  getExternalWorkflowHandle,
  setCurrentDetails,
  Trigger,
  workflowInfo,
} from '@temporalio/workflow';
import type { Scope } from '../pipelines/expressions.ts';
import type { JsonObject, Plan, PlanStage } from '../pipelines/plan.ts';
import { detailsOf } from './details.ts';
import { pauseSignal, resumeSignal } from './messages.ts';
import type { RunState, RunStatus } from './messages.ts';
import { isOver, outputsOf } from './records.ts';
import type { Records, StageRecord, Work } from './records.ts';
import { statusOf } from './status.ts';

/** Activities under way at once: the server allows 2,000 a workflow, and replay likes fewer. */
const MOST_AT_ONCE = 500;

/** The one changeable thing of the interpreter: records, the gate before new work, and what runs just now. */
export class Run {
  readonly plan: Plan;
  readonly records: Records;
  ended: 'done' | 'failed' | 'cancelled' | null = null;
  readonly #atWork = new Map<string, { readonly scope: CancellationScope; readonly onPause: OnPause }>();
  readonly #waiting: Waiting[] = [];

  constructor(plan: Plan, records: Records) {
    this.plan = plan;
    this.records = records;
  }

  record(id: string): StageRecord {
    const record = this.records.stages.find((stage) => stage.id === id);
    if (record === undefined) throw new Error(`plan ${this.plan.id}: expected a stage ${id}, got none`);
    return record;
  }

  /** What references of a stage's cell see. */
  scope(matrix: JsonObject = {}): Scope {
    const over = this.plan.stages.filter(({ id }) => this.record(id).works.every(isOver));
    const stages = Object.fromEntries(over.map((stage) => [stage.id, outputsOf(stage, this.record(stage.id))]));
    return { params: this.plan.params, matrix, stages };
  }

  /** Changes a work's record and shows it to whoever looks. */
  mark(work: Work, change: Partial<Work>): void {
    Object.assign(work, change);
    this.show();
  }

  notice(text: string): void {
    this.records.notices = [...this.records.notices, text].slice(-10);
    this.show();
  }

  show(): void {
    setCurrentDetails(detailsOf(this.status()));
  }

  status(): RunStatus {
    return statusOf(this.plan, this.records, this.#state());
  }

  /**
   * Runs `body` once there is room for it. Paused or about to continue as new, nothing begins. `onPause` says what a
   * pause does to it: heavy work is cancelled (it stops at a checkpoint), a child workflow is told, light work ends.
   */
  async admitted<T>(id: string, onPause: OnPause, begin: () => void, body: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope();
    const enter = (): void => void this.#atWork.set(id, { scope, onPause });
    if (this.#isOpen()) enter();
    else await this.#turn(enter);
    begin();
    try {
      return await scope.run(body);
    } finally {
      this.#atWork.delete(id);
      this.#letIn();
    }
  }

  // One that leaves lets one in: were all of thousands woken to look for themselves, it would take seconds each time.
  async #turn(enter: () => void): Promise<void> {
    const turn = new Trigger<void>();
    const waiting = (): void => {
      enter();
      turn.resolve();
    };
    this.#waiting.push(waiting);
    try {
      await Promise.race([turn, CancellationScope.current().cancelRequested]);
    } catch (error) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      throw error;
    }
  }

  #letIn(): void {
    while (this.#waiting.length > 0 && this.#isOpen()) this.#waiting.shift()?.();
  }

  pause(): void {
    this.records.paused = true;
    for (const [id, { scope, onPause }] of this.#atWork) {
      if (onPause === 'stop') scope.cancel();
      if (onPause === 'tell') this.#tell(id, pauseSignal.name);
    }
    this.show();
  }

  resume(): void {
    this.records.paused = false;
    for (const [id, { onPause }] of this.#atWork) if (onPause === 'tell') this.#tell(id, resumeSignal.name);
    this.#letIn();
    this.show();
  }

  /** A quiet moment in a history that has grown long. */
  shouldContinueAsNew(): boolean {
    return this.#atWork.size === 0 && workflowInfo().continueAsNewSuggested;
  }

  #isOpen(): boolean {
    return !this.records.paused && this.#atWork.size < MOST_AT_ONCE && !workflowInfo().continueAsNewSuggested;
  }

  #state(): RunState {
    if (this.ended !== null) return this.ended;
    if (this.records.paused) return 'paused';
    return this.#atWork.size === 0 && this.records.stages.some(({ works }) => works.some(asksSomebody))
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

/** Takes a place among what is at work. */
type Waiting = () => void;

type OnPause = 'stop' | 'tell' | 'finish';

export function onPauseOf(stage: PlanStage): OnPause {
  if (stage.plan !== null) return 'tell';
  return stage.work === 'heavy' ? 'stop' : 'finish';
}

/** Run id of the sub-pipeline that a stage (or its cell) runs. */
export function childIdOf(run: string, work: string): string {
  return `${run}.${work}`;
}
