import { KnownError } from '../../plan/endings.ts';
import { runStageProcess } from '../../nas/process/harness.ts';

// The shortest work that shows each way a stage process can go.
await runStageProcess({
  'train-supernet': async (job, line) => {
    const { ending } = job.with;
    if (ending === 'done') return { threads: process.env.TF_NUM_INTRAOP_THREADS };
    if (ending === 'nan') throw new KnownError('NaNLoss', 'epoch 3, step 5: the loss is NaN');
    if (ending === 'memory') {
      throw new Error('Conv2D: No algorithm worked! Profiling failure on CUDNN engine: CUDNN_STATUS_ALLOC_FAILED');
    }
    if (ending === 'crash') setTimeout(() => expect(), 1);
    for (let step = 0; ; step++) {
      const counts = { epoch: 0, epochs: 1, step, steps: 0 };
      line.send({ type: 'progress', phase: 'training', ...counts });
      if (line.stopRequested()) return 'stopped';
      await line.turn();
    }
  },
});

function expect(): never {
  throw new Error('thrown where nobody awaits it');
}
