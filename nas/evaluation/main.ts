import { runStageProcess } from '../process/harness.ts';

// TensorFlow is imported inside: the harness sets its thread count first.
await runStageProcess({
  'search-subnets': async (...given) => (await import('./search/search.ts')).searchSubnets(...given),
  'evaluate-subnets': async (...given) => (await import('./part.ts')).evaluatePart(...given),
});
