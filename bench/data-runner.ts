// Our side of bench/data.ts: for each line on stdin so many epochs of a task's images are loaded, and thrown away.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { plainBatches, trainingBatches } from '../nas/data/batches.ts';
import type { DataTask } from './data-task.ts';
import { openDataset } from '../nas/data/open.ts';

const task: DataTask = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const dataset = await openDataset(task.dataset);
const part = dataset.part('training');
let epoch = 0;

for await (const line of createInterface({ input: process.stdin })) {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  let images = 0;
  let sum = 0;
  for (let time = 0; time < Number(line); time++) {
    const order = { seed: 0, epoch: epoch++, batchSize: task.batch, augment: true, from: 0, dropLast: false };
    const batches = task.augment
      ? trainingBatches(dataset, part, order)
      : plainBatches(dataset, part, { batchSize: task.batch });
    for await (const batch of batches) {
      images += batch.labels.length;
      sum += batch.images[0]!;
    }
  }
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify({ ms, cpu: (user + system) / 1000, images, sum }));
}
