import { isCancellation, ParentClosePolicy, proxyActivities, startChild, workflowInfo } from '@temporalio/workflow';
import { CONTROL_QUEUE } from '../plan/names.ts';
import type { Channel, Notification, NotifyEvent, NotifyInput } from '../plan/notify.ts';
import type { Plan } from '../plan/plan.ts';

/**
 * Tells people of a run. Each message is a workflow of its own, which outlives the run and tries for days: a run never
 * waits for whoever is told.
 */
export class Notifier {
  readonly #plan: Plan;
  readonly #notice: (text: string) => void;
  readonly #starting = new Set<Promise<void>>();
  #count = 0;

  /** @param notice is told what could not be begun */
  constructor(plan: Plan, notice: (text: string) => void) {
    this.#plan = plan;
    this.#notice = notice;
  }

  tell(event: NotifyEvent, stage: string | null, text: string, next: readonly string[]): void {
    // The end of a sub-pipeline is that of a stage of its run.
    if (stage === null && workflowInfo().parent !== undefined) return;
    const channels = (this.#plan.notify ?? []).filter(({ on }) => on.includes(event));
    if (channels.length === 0) return;
    const { id: run, name: pipeline } = this.#plan;
    const starting = this.#start(channels, { event, run, pipeline, stage, text: text.slice(0, 1500), next });
    this.#starting.add(starting);
    void starting.finally(() => this.#starting.delete(starting));
  }

  /** To be waited for before the run ends: every message is then in the server's hands. */
  async settled(): Promise<void> {
    await Promise.all(this.#starting);
  }

  async #start(channels: readonly Channel[], notification: Notification): Promise<void> {
    const { event, run, stage } = notification;
    try {
      await startChild(notify, {
        args: [channels, notification],
        workflowId: `${run}.notify.${event}.${workflowInfo().runId.slice(0, 8)}.${++this.#count}`,
        taskQueue: CONTROL_QUEUE,
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: stage === null ? `${run}: ${event}` : `${run}, ${stage}: ${event}`,
      });
    } catch (error) {
      if (isCancellation(error)) return;
      this.#notice(`notify ${event}: ${String(error)}`);
    }
  }
}

/** Sends one message by every channel, each tried again by itself. */
export async function notify(channels: readonly Channel[], notification: Notification): Promise<void> {
  const activities = proxyActivities<{ notify: (input: NotifyInput) => Promise<void> }>({
    taskQueue: CONTROL_QUEUE,
    // A worker that was killed says nothing: so long it takes until another one tries.
    startToCloseTimeout: '45 seconds',
    scheduleToCloseTimeout: '3 days',
    retry: { initialInterval: '5 seconds', backoffCoefficient: 2, maximumInterval: '10 minutes' },
  });
  const sent = await Promise.allSettled(channels.map((channel) => activities.notify({ channel, notification })));
  for (const one of sent) if (one.status === 'rejected') throw one.reason;
}
