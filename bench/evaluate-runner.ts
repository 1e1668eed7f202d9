import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { convolutionRate } from './convolution-rate.ts';
import { batchesOf } from './evaluate-task.ts';
import type { EvaluateTask } from './evaluate-task.ts';
import { evaluateSubnets } from '../nas/evaluation/evaluate.ts';
import type { Subnet } from '../nas/space/space.ts';
import { operationCount } from '../nas/supernet/tensorflow.ts';
import { loadSupernet } from '../nas/supernet/weights.ts';
import type { Score } from '../nas/evaluation/score.ts';

// Our side of bench/evaluate.ts: evaluates the subnets of a task as often as each line on stdin says.
// Arguments: task file, precision, how: `tree` or `alone` (one by one, the same kernels).

const [taskFile = '', precision = 'float32', how = 'tree'] = process.argv.slice(2);
const task: EvaluateTask = JSON.parse(readFileSync(taskFile, 'utf8'));
const { space, classes, subnets } = task;
const net = loadSupernet(task.weights, {
  space,
  classes,
  groups: 1,
  precision: precision === 'bf16' ? 'bf16' : 'float32',
});
const batches = batchesOf(task);

async function evaluate(these: readonly Subnet[]): Promise<Score[]> {
  const scores = await evaluateSubnets(net, these, batches);
  if (scores === 'stopped') throw new Error('evaluation: expected scores, got stopped');
  return scores;
}

async function evaluateAlone(these: readonly Subnet[]): Promise<Score[]> {
  const scores: Score[] = [];
  for (const subnet of these) scores.push(...(await evaluate([subnet])));
  return scores;
}

// Once for the library to warm up.
await evaluate(subnets.slice(0, 1));
for await (const line of createInterface({ input: process.stdin })) {
  const ms: number[] = [];
  let scores: Score[] = [];
  const rate = how === 'tree' ? convolutionRate(net, task.testBatch) : undefined;
  const operations = operationCount();
  const cpu = process.cpuUsage();
  for (let time = 0; time < Number(line); time++) {
    const start = performance.now();
    scores = how === 'alone' ? await evaluateAlone(subnets) : await evaluate(subnets);
    ms.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    JSON.stringify({
      ms,
      cpu: (user + system) / 1000,
      top1: scores.map(({ top1 }) => top1),
      crossEntropy: scores.map(({ crossEntropy }) => crossEntropy),
      operations: operationCount() - operations,
      rate,
      // Kilobytes.
      memory: process.resourceUsage().maxRSS,
    }),
  );
}
