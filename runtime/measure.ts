// Run by `nas doctor` in a process of its own: measure.ts BINDING prints, as JSON, how fast convolutions are computed here.
import { createRequire } from 'node:module';
import type { Binding, OpAttribute } from './binding.ts';
import type { Speed } from './speed.ts';

process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '3';
const binding: Binding = createRequire(import.meta.url)(process.argv[2] ?? '');

const BFLOAT16 = 14;
const TRIES = 4;
/** No further try once they took so long together. */
const MOST_MS = 1000;
/** For one image: far more than a processor takes that has instructions for the type. */
const SLOW_MS = 150;
/** A convolution like those in the middle of a large network: n images of side², from and to so many channels, 3×3. */
const LARGE = { n: 32, side: 28, channels: 128 };
const TINY = { n: 1, side: 4, channels: 16 };
type Size = typeof LARGE;

const attributes: readonly OpAttribute[] = [
  { name: 'strides', type: binding.TF_ATTR_INT, value: [1, 1, 1, 1] },
  { name: 'dilations', type: binding.TF_ATTR_INT, value: [1, 1, 1, 1] },
  { name: 'padding', type: binding.TF_ATTR_STRING, value: 'SAME' },
];

function run(op: string, inputs: readonly number[], given: readonly OpAttribute[] = attributes): number {
  return binding.executeOp(op, given, inputs, 1)[0]!.id;
}

function cast(id: number, to: number): number {
  return run('Cast', [id], [{ name: 'DstT', type: binding.TF_ATTR_TYPE, value: to }]);
}

function tensor(shape: readonly number[], dtype: number): number {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const id = binding.createTensor(shape, binding.TF_FLOAT, new Float32Array(size).fill(0.01));
  return dtype === binding.TF_FLOAT ? id : cast(id, dtype);
}

/** Milliseconds that one pass takes: the best of some tries, for whatever else the machine does only slows it down. */
function timed(pass: () => number, atLeast: number, settle = finish): number {
  settle(pass());
  let count = 1;
  const tried: number[] = [];
  const start = performance.now();
  while (tried.length < TRIES && (tried.length === 0 || performance.now() - start < MOST_MS)) {
    const began = performance.now();
    let output = pass();
    for (let done = 1; done < count; done++) {
      binding.deleteTensor(output);
      output = pass();
    }
    settle(output);
    const took = performance.now() - began;
    if (took < atLeast) count *= 2;
    else tried.push(took / count);
  }
  return Math.min(...tried);
}

/** Waits until a device that works on its own is done. */
function finish(output: number): void {
  binding.tensorDataSync(cast(output, binding.TF_FLOAT));
}

/** A convolution forward, and both its gradients. */
function convolution({ n, side, channels }: Size, dtype: number): () => number {
  const images = tensor([n, side, side, channels], dtype);
  const weight = tensor([3, 3, channels, channels], dtype);
  const shapes = [
    [n, side, side, channels],
    [3, 3, channels, channels],
  ].map((shape) => binding.createTensor([4], binding.TF_INT32, Int32Array.from(shape)));
  return () => {
    const y = run('Conv2D', [images, weight]);
    const dx = run('Conv2DBackpropInput', [shapes[0]!, weight, y]);
    const dw = run('Conv2DBackpropFilter', [images, shapes[1]!, y]);
    binding.deleteTensor(y);
    binding.deleteTensor(dx);
    return dw;
  };
}

/** 10¹² floating-point operations a second, forward and both gradients together. */
function rate(size: Size, dtype: number): number {
  const operationsOf = ({ n, side, channels }: Size): number => 3 * 2 * n * side * side * 9 * channels * channels;
  // The first on a card loads its libraries, which takes the better part of a second.
  finish(convolution({ ...size, n: 1, side: TINY.side }, dtype)());
  // A processor without instructions for bfloat16 takes seconds for one image: that it is slow is soon known.
  const single = { ...size, n: 1 };
  const began = performance.now();
  finish(convolution(single, dtype)());
  const took = performance.now() - began;
  if (took > SLOW_MS) return operationsOf(single) / took / 1e9;
  return operationsOf(size) / timed(convolution(size, dtype), 40) / 1e9;
}

/** 10⁹ bytes a second that what is not a convolution reads and writes: a ReLU over maps of a large network. */
function bandwidth({ n, side, channels }: Size): number {
  const images = tensor([n, side, side, channels], binding.TF_FLOAT);
  const one = tensor([1], binding.TF_FLOAT);
  const pass = (): number => run('Relu', [images], []);
  // Waiting must not copy the maps out.
  const settle = (output: number): void => {
    binding.deleteTensor(output);
    finish(one);
  };
  return (2 * 4 * n * side * side * channels) / timed(pass, 20, settle) / 1e6;
}

/** Microseconds of a convolution in which there is nothing to compute. */
function operationTime({ n, side, channels }: Size): number {
  const images = tensor([n, side, side, channels], binding.TF_FLOAT);
  const weight = tensor([1, 1, channels, channels], binding.TF_FLOAT);
  return 1000 * timed(() => run('Conv2D', [images, weight]), 20);
}

const speed: Speed = {
  version: 1,
  tensorflow: binding.TF_Version,
  device: binding.isUsingGpuDevice() ? 'gpu' : 'cpu',
  float32: rate(LARGE, binding.TF_FLOAT),
  bf16: rate(LARGE, BFLOAT16),
  bandwidth: bandwidth(LARGE),
  operation: operationTime(TINY),
};
console.log(JSON.stringify(speed));
