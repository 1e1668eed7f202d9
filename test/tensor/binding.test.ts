import { expect, test } from 'vitest';
import { loadTensorFlow } from '../../runtime/binding.ts';
import { isOnGpu } from '../../nas/supernet/tensorflow.ts';
import { loadTfjs } from '../support/tfjs.ts';

test('raw handles and TensorFlow.js work on the same library', () => {
  const binding = loadTensorFlow();
  const tf = loadTfjs();
  expect(binding.TF_Version).toBe('2.21.0');
  expect(tf.getBackend()).toBe('tensorflow');
  const before = binding.getNumOfTensors();
  const id = binding.createTensor([2, 2], binding.TF_FLOAT, new Float32Array([1, 2, 3, 4]));
  const type = { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT };
  const [square] = binding.executeOp('Square', [type], [id], 1);
  expect(square?.shape).toEqual([2, 2]);
  expect([...binding.tensorDataSync(square?.id ?? -1)]).toEqual([1, 4, 9, 16]);
  for (const handle of [id, square?.id ?? -1]) binding.deleteTensor(handle);
  expect(binding.getNumOfTensors()).toBe(before);
  const gradient = tf.tidy(() => [
    ...tf
      .grad((x: typeof tf.Tensor.prototype) => x.square().sum())(tf.tensor1d([3, 5]))
      .dataSync(),
  ]);
  expect(gradient).toEqual([6, 10]);
});

test('an array that lies at a multiple of 64 bytes is kept by its tensor, any other is copied; a card copies all', () => {
  const binding = loadTensorFlow();
  const [size, places] = [1000, 16];
  const memory = new ArrayBuffer(4 * (size + places));
  // One of sixteen places in a row is aligned, wherever the memory begins.
  const seen = Array.from({ length: places }, (_, place) => {
    const array = new Float32Array(memory, 4 * place, size).fill(1);
    const id = binding.createTensor([size], binding.TF_FLOAT, array);
    array.fill(2);
    const [value] = binding.tensorDataSync(id);
    binding.deleteTensor(id);
    return value;
  });
  expect(seen.toSorted((a, b) => a! - b!)).toEqual([...Array.from({ length: places - 1 }, () => 1), isOnGpu() ? 1 : 2]);
});

test('an op that TensorFlow refuses throws its message', () => {
  const binding = loadTensorFlow();
  expect(() => binding.executeOp('NoSuchOp', [], [], 1)).toThrow(/NoSuchOp/);
});
