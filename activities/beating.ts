import { Context } from '@temporalio/activity';

const EVERY_MS = 2000;

/** Runs an activity with heartbeats all the while: a worker that is lost in the middle of it is noticed soon. */
export function beating<Input, Result>(perform: (input: Input) => Promise<Result>): (input: Input) => Promise<Result> {
  return async (input) => {
    const context = Context.current();
    const { heartbeatTimeoutMs = Infinity } = context.info;
    const beat = setInterval(() => context.heartbeat(), Math.min(EVERY_MS, heartbeatTimeoutMs / 4));
    try {
      return await perform(input);
    } finally {
      clearInterval(beat);
    }
  };
}
