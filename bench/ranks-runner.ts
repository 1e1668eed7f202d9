import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { GRAD_CLIP_VALUE, LABEL_SMOOTHING, WEIGHT_DECAY } from './train-task.ts';
import type { TrainTask } from './train-task.ts';
import { joinCluster } from '../runtime/collectives/cluster.ts';

// One rank of bench/ranks.ts, or one process alone: ranks-runner.ts TASK RANK ADDRESSES, the last empty for one alone.

const [file = '', rankText = '0', addressText = ''] = process.argv.slice(2);
const task: TrainTask = JSON.parse(readFileSync(file, 'utf8'));
const rank = Number(rankText);
const addresses = addressText.split(',').filter(Boolean);
if (addresses.length > 0) joinCluster({ rank, addresses }, task.threads);
const { withRanks } = await import('../nas/supernet/ranks.ts');
const { watchOperations } = await import('../nas/supernet/tensorflow.ts');
const { loadSupernet } = await import('../nas/supernet/weights.ts');
const { Sgd } = await import('../nas/training/sgd.ts');
const { trainStep } = await import('../nas/training/step.ts');

const { space, classes } = task;
const net = loadSupernet(task.weights, { space, classes, groups: 1, precision: 'float32' });
const sgd = new Sgd(net.parameters, {
  optimizer: { method: 'sgd', momentum: 0.9, nesterov: true },
  grad_clip_value: GRAD_CLIP_VALUE,
  weight_decay_weight: WEIGHT_DECAY,
  weight_decay_bn_bias: 0,
});
const bytes = readFileSync(task.images);
const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const pixels = all.length / task.labels.length;
const images = all.slice(rank * task.batch * pixels, (rank + 1) * task.batch * pixels);
const labels = Int32Array.from(task.labels.slice(rank * task.batch, (rank + 1) * task.batch));
let sums = 0;
watchOperations((op, ms) => void (op === 'CollectiveReduceV2' && (sums += ms)));

await withRanks(addresses.length > 0 ? { rank, addresses } : null, async (ranks) => {
  let iteration = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    sums = 0;
    const ms: number[] = [];
    for (let time = 0; time < Number(line); time++) {
      for (const nets of task.iterations) {
        const start = performance.now();
        trainStep(net, sgd, { images, labels, indices: labels }, nets, {
          iteration: iteration++,
          seed: 0,
          rate: task.rate,
          labelSmoothing: LABEL_SMOOTHING,
          distill: true,
          regularisation: { dropout: task.dropout, dropConnect: 0, onlyLastTwoStages: false },
          ranks,
        });
        ms.push(performance.now() - start);
      }
    }
    console.log(JSON.stringify({ ms, shareOfSums: sums / ms.reduce((sum, one) => sum + one) }));
  }
});
process.exit(0);
