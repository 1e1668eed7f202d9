import { parentPort, workerData } from 'node:worker_threads';
import { drawAugmentation } from './augmentation.ts';
import { ImageError, readImage } from './decode.ts';
import type { FailedImage, LoaderAnswer, LoaderJob, LoaderSettings } from './loader.ts';
import { FileFault } from '../../../plan/endings.ts';
import { Transformer } from './transformer.ts';
import { randomOf } from '../../space/random.ts';

// A thread that makes images: reads a file, decodes it, transforms it into shared memory.

if (parentPort === null)
  throw new Error('loader-thread.ts: expected to run as a worker thread, got none; see loader.ts');
const port = parentPort;
const { resolution, normalise, resize }: LoaderSettings = workerData;
const transformer = new Transformer(resolution, normalise);
const values = resolution * resolution * 3;

// One job after the other, in the order they came; null is the last. An error that is of no image or file ends the thread, and so
// the whole read.
let last = Promise.resolve();
port.on('message', (job: LoaderJob | null) => {
  last = last.then(async () => (job === null ? port.close() : port.postMessage(await work(job))));
});

async function work(job: LoaderJob): Promise<LoaderAnswer> {
  const failed: FailedImage[] = [];
  const next = new Int32Array(job.next);
  for (let index = Atomics.add(next, 0, 1); index < job.files.length; index = Atomics.add(next, 0, 1)) {
    try {
      await makeImage(job, index);
    } catch (error) {
      if (error instanceof ImageError) failed.push({ index, reason: error.message, isBroken: true });
      else if (error instanceof FileFault) failed.push({ index, reason: error.reason, isBroken: false });
      else throw error;
    }
  }
  return { id: job.id, failed };
}

async function makeImage({ files, training, images }: LoaderJob, index: number): Promise<void> {
  const pixels = await readImage(files[index]!, (bytes) => transformer.memoryFor(bytes));
  const target = images.subarray(index * values, (index + 1) * values);
  if (training === null) transformer.test(pixels, resize, target);
  else {
    const random = randomOf(training.seed, 'image', training.epoch, training.positions[index]!);
    transformer.train(pixels, drawAugmentation(random, training.transforms, pixels.width, pixels.height), target);
  }
}
