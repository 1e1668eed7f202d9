// Run by the set-up in a process of its own: smoke-test.ts BINDING computes a 3×3 convolution of ones and checks the sums. Then it
// runs itself twice, as `smoke-test.ts BINDING RANK ADDRESS,ADDRESS`: two processes that sum over both.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Binding } from '../binding.ts';
import { freeAddresses, joinCluster } from '../collectives/cluster.ts';

process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
// A card may be at work for others, so no more of its memory is taken than is needed.
process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';

function expectEach(value: number, count: number, found: readonly number[]): void {
  if (found.length === count && found.every((one) => one === value)) return;
  console.error(`expected ${count} sums of ${value}, got ${found.join(' ')}`);
  process.exit(1);
}

function convolve(binding: Binding): void {
  const ones = (shape: number[]): number =>
    binding.createTensor(shape, binding.TF_FLOAT, new Float32Array(shape.reduce((a, b) => a * b)).fill(1));
  const attributes = [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'strides', type: binding.TF_ATTR_INT, value: [1, 1, 1, 1] },
    { name: 'dilations', type: binding.TF_ATTR_INT, value: [1, 1, 1, 1] },
    { name: 'padding', type: binding.TF_ATTR_STRING, value: 'VALID' },
  ];
  const [output] = binding.executeOp('Conv2D', attributes, [ones([1, 4, 4, 2]), ones([3, 3, 2, 5])], 1);
  expectEach(18, 20, output ? [...binding.tensorDataSync(output.id)] : []);
}

function sumOverRanks(binding: Binding, ranks: number): void {
  const whole = (value: number): number => binding.createTensor([], binding.TF_INT32, Int32Array.of(value));
  const attributes = [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'merge_op', type: binding.TF_ATTR_STRING, value: 'Add' },
    { name: 'final_op', type: binding.TF_ATTR_STRING, value: 'Id' },
    { name: 'communication_hint', type: binding.TF_ATTR_STRING, value: 'nccl' },
    { name: 'timeout_seconds', type: binding.TF_ATTR_FLOAT, value: 0 },
    { name: 'Nordering_token', type: binding.TF_ATTR_INT, value: 0 },
  ];
  const one = binding.createTensor([3], binding.TF_FLOAT, Float32Array.of(1, 1, 1));
  const [sum] = binding.executeOp('CollectiveReduceV2', attributes, [one, whole(ranks), whole(1), whole(1)], 1);
  expectEach(ranks, 3, sum ? [...binding.tensorDataSync(sum.id)] : []);
}

async function runRanks(file: string): Promise<void> {
  const addresses = await freeAddresses(2);
  const ends = addresses.map(async (_, rank) => {
    const program = [...process.execArgv, import.meta.filename, file, String(rank), addresses.join()];
    // Two processes on one card is what NCCL refuses.
    const env = { ...process.env, CUDA_VISIBLE_DEVICES: '' };
    const child = spawn(process.execPath, program, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    await once(child, 'exit');
    if (child.exitCode !== 0) process.exitCode = 1;
  });
  await Promise.all(ends);
}

const [file = '', rank, addresses = ''] = process.argv.slice(2);
if (rank === undefined) {
  const binding: Binding = createRequire(import.meta.url)(file);
  convolve(binding);
  await runRanks(file);
} else {
  const all = addresses.split(',');
  sumOverRanks(joinCluster({ rank: Number(rank), addresses: all }, 1, file), all.length);
  process.exit(0);
}
