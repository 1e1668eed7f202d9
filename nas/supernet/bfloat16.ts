import { cast } from './ops.ts';
import { attribute, dispose, isOnGpu, runMany, scope, tensor, TensorFlowError } from './tensorflow.ts';
import type { DType, Tensor } from './tensorflow.ts';

// oneDNN computes in bfloat16 only on processors with AVX-512. On others TensorFlow's own kernels take its place, most of them as
// fast; but a pool with a gradient and BN with its ReLU are missing there, and a convolution's gradients take thirty times as long.
// Those are computed in float32, or in two steps, and rounded.

let isSupported: boolean | undefined;

/** Whether a tensor of this type is bfloat16 on a processor for which oneDNN has no kernels. */
export function lacksKernels(dtype: DType): boolean {
  return dtype === 'bfloat16' && !(isSupported ??= isOnGpu() || askOneDnn());
}

/** Tries the smallest pool: what there is depends on the processor, on oneDNN's version and on its environment variables. */
function askOneDnn(): boolean {
  const window = [attribute.int('ksize', [1, 1, 1, 1]), attribute.int('strides', [1, 1, 1, 1])];
  const attributes = [...window, attribute.string('padding', 'VALID'), attribute.string('_kernel', 'MklNameChangeOp')];
  try {
    scope(() => {
      const x = cast(tensor(new Float32Array(16), [1, 1, 1, 16]), 'bfloat16');
      runMany('_MklNativeMaxPool', attributes, [x], 2);
    });
    return true;
  } catch (error) {
    if (!(error instanceof TensorFlowError)) throw error;
    console.warn('precision bf16: this processor has no AVX-512, so training in bf16 saves memory here, and no time');
    return false;
  }
}

/**
 * What an operation makes of its inputs. Where they lack kernels it gets them in float32, and what it makes in float32 is rounded
 * to bfloat16.
 */
export function withKernels(
  inputs: readonly Tensor[],
  operation: (inputs: readonly Tensor[]) => readonly Tensor[],
): readonly Tensor[] {
  if (!inputs.some(({ dtype }) => lacksKernels(dtype))) return operation(inputs);
  const widened = inputs.map((input) => (input.dtype === 'bfloat16' ? cast(input, 'float32') : input));
  const outputs = operation(widened);
  const rounded = outputs.map((output) => (output.dtype === 'float32' ? cast(output, 'bfloat16') : output));
  dispose(
    ...widened.filter((input) => !inputs.includes(input)),
    ...outputs.filter((output) => !rounded.includes(output)),
  );
  return rounded;
}
