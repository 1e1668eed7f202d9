// The process that trains. By hand: npx tsx nas/training/main.ts job.json
import { runStageProcess } from '../process/harness.ts';

await runStageProcess({
  'train-supernet': async (job, line) => (await import('./loop.ts')).trainSupernet(job, line),
  'train-standalone': async (job, line) => (await import('./standalone.ts')).trainStandalone(job, line),
});
