// The process that trains. By hand: npx tsx nas/training/main.ts job.json
import { runStageProcess } from '../process/harness.ts';

await runStageProcess({
  'train-supernet': async (...given) => (await import('./train-supernet.ts')).trainSupernet(...given),
  'train-standalone': async (...given) => (await import('./train-standalone.ts')).trainStandalone(...given),
});
