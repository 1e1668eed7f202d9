/** What people are told of: a stage parks, asks for an epoch or ends; the run ends. */
export const notifyEvents = ['parked', 'selecting', 'stage', 'done', 'failed'] as const;
export type NotifyEvent = (typeof notifyEvents)[number];

/** One way to tell people, and of what. Secrets stand in the environment of the workers: here are only the names of variables. */
export type Channel = { readonly on: readonly NotifyEvent[] } & (
  | { readonly webhook: string }
  | { readonly command: readonly string[] }
  | { readonly mail: readonly string[] }
);

/** What happened, as a run tells it. */
export interface Notification {
  readonly event: NotifyEvent;
  readonly run: string;
  /** Name of the pipeline. */
  readonly pipeline: string;
  /** The stage, or the cell of a matrix stage; null where it is about the whole run. */
  readonly stage: string | null;
  /** One sentence. */
  readonly text: string;
  /** Commands that move the run on, or show what came out. */
  readonly next: readonly string[];
}

/** Input of the activity `notify`. */
export interface NotifyInput {
  readonly channel: Channel;
  readonly notification: Notification;
}
