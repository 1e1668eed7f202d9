import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { bindingFile } from './layout.ts';

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

/**
 * Loads libtensorflow into this process (0.3 s). Its notes go unprinted, its errors do not.
 * Throws if the runtime has not been set up.
 */
export function loadTensorFlow(): Binding {
  if (!existsSync(bindingFile)) {
    throw new Error(`libtensorflow: expected its binding at ${bindingFile}, got none; run \`npm run setup\``);
  }
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // A card is shared with whoever is there: memory is taken as it is needed.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  const binding: Binding = createRequire(import.meta.url)(bindingFile);
  return binding;
}
