// Run by the set-up in a process of its own: smoke-test.ts BINDING computes a 3×3 convolution of ones and checks the sums.
import { createRequire } from 'node:module';
import type { Binding } from '../binding.ts';

process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
// A card may be at work for others, so no more of its memory is taken than is needed.
process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
const binding: Binding = createRequire(import.meta.url)(process.argv[2] ?? '');

const ones = (shape: number[]): number =>
  binding.createTensor(shape, binding.TF_FLOAT, new Float32Array(shape.reduce((a, b) => a * b)).fill(1));

const attributes = [
  { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
  { name: 'strides', type: binding.TF_ATTR_INT, value: [1, 1, 1, 1] },
  { name: 'dilations', type: binding.TF_ATTR_INT, value: [1, 1, 1, 1] },
  { name: 'padding', type: binding.TF_ATTR_STRING, value: 'VALID' },
];
const [output] = binding.executeOp('Conv2D', attributes, [ones([1, 4, 4, 2]), ones([3, 3, 2, 5])], 1);
const sums = output ? [...binding.tensorDataSync(output.id)] : [];
if (sums.length !== 20 || sums.some((sum) => sum !== 18)) {
  console.error(`expected 20 sums of 18, got ${sums.join(' ')}`);
  process.exit(1);
}
