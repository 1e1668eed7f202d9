import { PhaseTrace } from '../nas/process/phase-trace.ts';

/** Work that the worker does itself, as one phase of its stage. */
export function traced<Input extends { readonly directory: string }, Result>(
  phase: string,
  perform: (input: Input) => Promise<Result>,
): (input: Input) => Promise<Result> {
  return async (input) => {
    const trace = new PhaseTrace(input.directory);
    trace.enter(phase);
    return await perform(input).finally(() => trace.enter(null));
  };
}
