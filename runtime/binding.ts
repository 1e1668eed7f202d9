import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { bindingFile, commandFor } from './layout.ts';

/** A tensor that libtensorflow holds: `dtype` is its number in TensorFlow's C API (1 float32, 3 int32, 14 bfloat16, 20 resource). */
export interface TensorHandle {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** An attribute of an op: `type` is one of the binding's `TF_ATTR_…`. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | string | readonly number[] | null;
}

/** What the native binding offers, as far as it is used here. Ids must be deleted by hand. */
export interface Binding {
  /**
   * A tensor of the array's values; returns its id. An array that lies at a multiple of 64 bytes is not copied: the tensor keeps it
   * and sees what is written to it. The dtype must fit the array: float32 or int32 (uint8 for bool).
   */
  createTensor(shape: readonly number[], dtype: number, data: Float32Array | Int32Array | Uint8Array): number;
  deleteTensor(id: number): void;
  /** Copies the data out. */
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  /** Runs one op at once. Throws with TensorFlow's own message if it refuses. */
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorHandle[];
  /** Makes this process a task of a cluster (collectives/cluster.ts); bindings of earlier set-ups lack it. */
  joinCluster?(serverDef: Uint8Array, task: string): void;
  getNumOfTensors(): number;
  isUsingGpuDevice(): boolean;
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_INT64: number;
  readonly TF_BOOL: number;
  readonly TF_RESOURCE: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
}

let isolated: Binding | undefined;

/**
 * Loads libtensorflow into this process (0.3 s). Its notes go unprinted, its errors do not.
 * Throws if the runtime has not been set up.
 */
export function loadTensorFlow(): Binding {
  if (isolated !== undefined) return isolated;
  prepare();
  const binding: Binding = createRequire(import.meta.url)(bindingFile);
  return binding;
}

/**
 * The same, before anything else loads it, for a process that joins a cluster: the library finds the binding's own functions before
 * the system's, and so its server listens on this machine alone.
 */
export function loadIsolatedTensorFlow(file = bindingFile): Binding {
  prepare(file);
  const { RTLD_LAZY, RTLD_DEEPBIND } = constants.dlopen;
  // Node adds the functions to the empty object.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const holder = { exports: {} as Binding };
  process.dlopen(holder, file, RTLD_LAZY | RTLD_DEEPBIND);
  return (isolated = holder.exports);
}

function prepare(file = bindingFile): void {
  if (!existsSync(file)) {
    throw new Error(`libtensorflow: expected its binding at ${file}, got none; run \`${commandFor('setup')}\``);
  }
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // A card is shared with whoever is there: memory is taken as it is needed.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
}
