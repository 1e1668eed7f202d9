import { runStageProcess } from '../process/harness.ts';

// TensorFlow is imported inside: the harness sets its thread count first.
await runStageProcess({
  'evaluate-subnets': async (job, line) => {
    const { evaluatePart } = await import('./part.ts');
    return await evaluatePart(job, line);
  },
});
