// The process that trains. By hand: npx tsx nas/training/main.ts job.json
import { runStageProcess } from '../process/harness.ts';
import type { ProcessLine } from '../process/harness.ts';
import type { Ranks } from '../supernet/ranks.ts';

await runStageProcess({
  'train-supernet': async (job, line, stage) => {
    const { trainSupernet } = await import('./train-supernet.ts');
    return await together(line, (ranks) => trainSupernet(job, line, stage, ranks));
  },
  'train-standalone': async (job, line, stage) => {
    const { trainStandalone } = await import('./train-standalone.ts');
    return await together(line, (ranks) => trainStandalone(job, line, stage, ranks));
  },
});

// TensorFlow is loaded when the harness has set its threads.
async function together<T>({ cluster }: ProcessLine, work: (ranks: Ranks) => Promise<T>): Promise<T> {
  return await (await import('../supernet/ranks.ts')).withRanks(cluster, work);
}
