import { onTestFinished } from 'vitest';
import { Trace } from '../../cli/verify/trace.ts';
import { traceVariable } from '../../nas/process/phase-trace.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** What keeps a stage in a phase, so that a test that is slower than the stage does not come too late. */
export interface Hold {
  readonly trace: Trace;
  /** For the process that is to be held, and those that it starts. */
  readonly environment: Readonly<Record<string, string>>;
  readonly release: () => Promise<void>;
}

/** Where stages write down their phases whose environment names the trace's folder. */
export async function openTrace(): Promise<Trace> {
  const trace = await Trace.open(temporaryFolder());
  onTestFinished(() => trace.close());
  return trace;
}

/** A stage with this environment does not leave the phase, from the time on that it enters it for that time (1 is the first). */
export async function holdIn(directory: string, phase: string, visit = 1): Promise<Hold> {
  const trace = await openTrace();
  await trace.hold([{ target: 'trainer', piece: directory, phase, visit, delayMs: 0 }]);
  return { trace, environment: { [traceVariable]: trace.folder }, release: async () => await trace.hold([]) };
}
