import { runStageProcess } from '../process/harness.ts';

// TensorFlow is imported inside: the harness sets its thread count first.
await runStageProcess({
  'zero-cost-scores': async (...given) => (await import('./zero-cost/score.ts')).zeroCostScores(...given),
  'search-subnets': async (...given) => (await import('./search/search.ts')).searchSubnets(...given),
  'evaluate-subnets': async (...given) => (await import('./part.ts')).evaluatePart(...given),
});
