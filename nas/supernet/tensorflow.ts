import { isOutOfMemory, KnownError } from '../../plan/endings.ts';
import { loadTensorFlow } from '../../runtime/binding.ts';
import type { OpAttribute, TensorHandle } from '../../runtime/binding.ts';
import { instructionSet } from '../../runtime/machine.ts';

/**
 * TensorFlow by raw handles: typed execution of single operations, and scopes that free what was made in them.
 * All numerical code stands on this file.
 */
export type DType = 'float32' | 'int32' | 'bfloat16';

/** A value that lives in TensorFlow's memory until it is disposed of or its scope ends. Images are NHWC. */
export interface Tensor {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * Builders of attributes, an operation's arguments that are not tensors. Operands' types are inferred and defaults need
 * not be named. Build a list once and keep it: it is a good part of a small operation's cost.
 */
export const attribute = {
  string: (name: string, value: string): OpAttribute => ({ name, type: 0, value }),
  int: (name: string, value: number | readonly number[]): OpAttribute => ({ name, type: 1, value }),
  float: (name: string, value: number): OpAttribute => ({ name, type: 2, value }),
  bool: (name: string, value: boolean): OpAttribute => ({ name, type: 3, value }),
  type: (name: string, value: DType): OpAttribute => ({ name, type: 4, value: codeOf(value) }),
  shape: (name: string, value: readonly number[]): OpAttribute => ({ name, type: 5, value }),
};

/** Arguments of an operation. */
export type Attributes = readonly OpAttribute[];

/** An operation was refused or failed. */
export class TensorFlowError extends KnownError {}

/** The tensor itself: mutable, because a disposed handle must not be freed again by its scope. */
class Handle implements Tensor {
  id: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  kept = false;
  counted = true;

  constructor(id: number, shape: readonly number[], dtype: DType) {
    this.id = id;
    this.shape = shape;
    this.dtype = dtype;
  }
}

const DISPOSED = -1;
const binding = loadTensorFlow();
let current: Handle[] | null = null;
let live = 0;
let operations = 0;
let watch: ((op: string, ms: number) => void) | null = null;

/** A tensor of the given values. The array must not be changed while it lives: where it is aligned, the tensor has no copy. */
export function tensor(data: Float32Array | Int32Array, shape: readonly number[]): Tensor {
  return create(data, shape);
}

/** Runs an operation with one output. */
export function run(op: string, attributes: Attributes, inputs: readonly Tensor[]): Tensor {
  const output = execute(op, attributes, inputs, 1)[0]!;
  return adopt(output.id, output.shape, DTYPES[output.dtype]!);
}

/** Runs an operation with several outputs. */
export function runMany(op: string, attributes: Attributes, inputs: readonly Tensor[], count: number): Tensor[] {
  const outputs = execute(op, attributes, inputs, count);
  const tensors: Tensor[] = [];
  for (const output of outputs) tensors.push(adopt(output.id, output.shape, DTYPES[output.dtype]!));
  return tensors;
}

/** Runs an operation for its effect (on a variable). */
export function runEffect(op: string, attributes: Attributes, inputs: readonly Tensor[]): void {
  execute(op, attributes, inputs, 0);
}

/** The values, copied out; bfloat16 must be cast first. Waits for the operations that make them. */
export function read(t: Tensor): Float32Array | Int32Array {
  const data = binding.tensorDataSync(t.id);
  if (data instanceof Uint8Array) throw new TypeError(`tensor: expected float32 or int32, got ${t.dtype}; cast it`);
  return data;
}

/** As `read`, for what must be float32. */
export function readFloats(t: Tensor): Float32Array {
  const data = read(t);
  if (data instanceof Int32Array) throw new TypeError('tensor: expected float32, got int32; read it with read()');
  return data;
}

/** Frees tensors; those already freed are passed over. */
export function dispose(...tensors: readonly Tensor[]): void {
  for (const t of tensors) {
    if (!(t instanceof Handle) || t.id === DISPOSED) continue;
    binding.deleteTensor(t.id);
    t.id = DISPOSED;
    if (t.counted) live--;
  }
}

/**
 * Frees every tensor made inside, but those that are kept or returned: as themselves, in an array, or as values of an
 * object. What is returned belongs to the scope around, if there is one, else to the caller.
 */
export function scope<T>(body: () => T): T {
  const outer = current;
  const mine: Handle[] = [];
  current = mine;
  let returned = new Set<unknown>();
  try {
    const result = body();
    returned = new Set(typeof result === 'object' && result !== null ? [result, ...Object.values(result)] : []);
    return result;
  } finally {
    current = outer;
    for (const t of mine) {
      if (t.kept || t.id === DISPOSED) continue;
      if (returned.has(t)) outer?.push(t);
      else dispose(t);
    }
  }
}

/** Takes a tensor out of its scope: it lives until it is disposed of. */
export function keep(t: Tensor): Tensor {
  if (t instanceof Handle) t.kept = true;
  return t;
}

/**
 * What this process computes with: equal inputs give equal bits where this is equal.
 * @param threads of TensorFlow, as set before it was loaded
 * @throws KnownError where the process was given a card and computes on the processor: days of that help nobody
 */
export function computingWith(threads: number): Record<string, string | number> {
  const given = process.env['NAS_DEVICE'] ?? '';
  if (given.startsWith('gpu:') && !isOnGpu()) {
    throw new KnownError(
      'Crashed',
      `${given}: expected TensorFlow to compute on this card, got the processor; run \`nas doctor\` on this machine`,
    );
  }
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    tensorflow: binding.TF_Version,
    device: isOnGpu() ? 'gpu' : 'cpu',
    instructions: instructionSet(),
    threads,
  };
}

/** Whether operations run on a GPU. */
export function isOnGpu(): boolean {
  return binding.isUsingGpuDevice();
}

/** How many tensors (variables among them) live; constants are not counted. */
export function liveTensors(): number {
  return live;
}

/** How many operations have run so far: in small networks their number decides how long a step takes. */
export function operationCount(): number {
  return operations;
}

/** Calls `watcher` with the time of every operation from now on, until null ends it. */
export function watchOperations(watcher: ((op: string, ms: number) => void) | null): void {
  watch = watcher;
}

/** A tensor made once for the life of the process: outside scopes and not counted among the live. */
export function constant(data: Float32Array | Int32Array, shape: readonly number[]): Tensor {
  const handle = create(data, shape);
  handle.kept = true;
  handle.counted = false;
  live--;
  return handle;
}

function create(data: Float32Array | Int32Array, shape: readonly number[]): Handle {
  const dtype = data instanceof Int32Array ? 'int32' : 'float32';
  return adopt(binding.createTensor(shape, codeOf(dtype), data), shape, dtype);
}

function adopt(id: number, shape: readonly number[], dtype: DType): Handle {
  const handle = new Handle(id, shape, dtype);
  live++;
  current?.push(handle);
  return handle;
}

function execute(op: string, attributes: Attributes, inputs: readonly Tensor[], count: number): TensorHandle[] {
  const ids: number[] = [];
  for (const input of inputs) ids.push(input.id);
  operations++;
  const start = watch ? performance.now() : 0;
  try {
    const outputs = binding.executeOp(op, attributes, ids, count);
    watch?.(op, performance.now() - start);
    return outputs;
  } catch (error) {
    throw failure(op, inputs, error);
  }
}

function failure(op: string, inputs: readonly Tensor[], error: unknown): TensorFlowError {
  const text = error instanceof Error ? error.message : String(error);
  const operands = inputs.map(
    ({ id, dtype, shape }) => `${id === DISPOSED ? 'disposed ' : ''}${dtype}[${shape.join()}]`,
  );
  const parts = /Invalid TF_Status: (\d+)\s+Message: ([^]*)/.exec(text);
  // 8 is RESOURCE_EXHAUSTED.
  const ending = parts?.[1] === '8' || isOutOfMemory(text) ? 'OutOfMemory' : 'Crashed';
  return new TensorFlowError(ending, `${op}(${operands.join(', ')}): ${parts?.[2] ?? text}`);
}

// TensorFlow's numbers of its types; a resource is only ever handed back to it, so what we call its type does not matter.
const DTYPES: Readonly<Record<number, DType>> = { 1: 'float32', 3: 'int32', 14: 'bfloat16', 20: 'int32' };

function codeOf(dtype: DType): number {
  return dtype === 'float32' ? 1 : dtype === 'int32' ? 3 : 14;
}
