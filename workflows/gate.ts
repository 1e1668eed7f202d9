import { CancellationScope, Trigger, workflowInfo } from '@temporalio/workflow';

/**
 * Activities under way at once. The server allows 2,000 a workflow, but their results may all come together, and a worker
 * that thinks about one workflow task for longer than five seconds is ended by its library.
 */
const MOST_AT_ONCE = 200;

/** What a pause does to work: heavy work is cancelled (it stops at a checkpoint), a child workflow is told, light work ends. */
export type OnPause = 'stop' | 'tell' | 'finish';

interface AtWork {
  readonly scope: CancellationScope;
  readonly onPause: OnPause;
}

/** Lets work in while there is room for it; paused, or about to continue as new, nothing begins. */
export class Gate {
  readonly atWork = new Map<string, AtWork>();
  readonly #isPaused: () => boolean;
  readonly #waiting: (() => void)[] = [];

  constructor(isPaused: () => boolean) {
    this.#isPaused = isPaused;
  }

  /** Runs `body` once there is room for it; `begin` is called in the moment it enters. */
  async admitted<T>(id: string, onPause: OnPause, begin: () => void, body: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope();
    const enter = (): void => void this.atWork.set(id, { scope, onPause });
    if (this.#isOpen()) enter();
    else await this.#turn(enter);
    begin();
    try {
      return await scope.run(body);
    } finally {
      this.atWork.delete(id);
      this.letIn();
    }
  }

  /** To be called when there may be room again. */
  letIn(): void {
    while (this.#waiting.length > 0 && this.#isOpen()) this.#waiting.shift()?.();
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

  #isOpen(): boolean {
    return !this.#isPaused() && this.atWork.size < MOST_AT_ONCE && !workflowInfo().continueAsNewSuggested;
  }
}
