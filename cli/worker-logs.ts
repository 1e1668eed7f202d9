import { types } from 'node:util';
import { DefaultLogger, Runtime } from '@temporalio/worker';

/** How a process that runs workers is watched. */
interface Watching {
  /** Where the SDK's own exporter of metrics listens, on this machine; null where nobody asked for metrics. */
  readonly sdk: string | null;
  readonly logFormat: 'text' | 'json';
}

/**
 * Makes the SDK's runtime. To be called before the first worker is made; signals are handled elsewhere, not by the library.
 * What comes back writes a line of our own as the library's are written.
 */
export function installRuntime(warn: (line: string) => void, { sdk, logFormat }: Watching): (line: string) => void {
  const lineOf = logFormat === 'json' ? jsonLine : textLine;
  const logger = new DefaultLogger('WARN', ({ level, timestampNanos, message, meta }) => {
    // Workers of heavy work have none on purpose.
    if (message.startsWith('No workflows registered')) return;
    const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
    warn(`${lineOf(time, level, message, meta)}\n`);
  });
  const suffixes = { countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true } as const;
  Runtime.install({
    shutdownSignals: [],
    logger,
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      ...(sdk === null ? {} : { metrics: { prometheus: { bindAddress: sdk, ...suffixes } } }),
    },
  });
  return (line) => logger.warn(line);
}

type Meta = Readonly<Record<string, unknown>> | undefined;

/** A line for people: what went wrong comes before all that is known of it. */
export function textLine(time: string, level: string, message: string, meta: Meta): string {
  const { taskToken: _, ...rest } = meta ?? {};
  const { error } = rest;
  const words = types.isNativeError(error) ? `${message}: ${error.message}` : message;
  return [time, level, words, ...(meta === undefined ? [] : [JSON.stringify(rest, errorsWithMessages)])].join(' ');
}

/** One object a line, with our words for what the SDK calls otherwise. */
export function jsonLine(time: string, level: string, message: string, meta: Meta): string {
  const { workflowId: run, activityId: stage, attempt, taskToken: _, ...rest } = meta ?? {};
  return JSON.stringify({ time, level, message, run, stage, attempt, ...rest }, errorsWithMessages);
}

/** An error keeps its message and cause where JSON does not look; those of workflows are of another realm. */
function errorsWithMessages(_key: string, value: unknown): unknown {
  if (!types.isNativeError(value)) return value;
  const { name, message, cause } = value;
  return { ...Object.fromEntries(Object.entries(value)), name, message, cause };
}
