import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { drawAugmentation } from './augmentation.ts';
import { decodeImage, ImageError } from './decode.ts';
import type { BrokenImage, LoaderAnswer, LoaderJob, LoaderSettings } from './loader.ts';
import { Transformer } from './transformer.ts';
import { randomOf } from '../../space/random.ts';

// A thread that makes images: reads a file, decodes it, transforms it into shared memory.

if (parentPort === null)
  throw new Error('loader-thread.ts: expected to run as a worker thread, got none; see loader.ts');
const port = parentPort;
const { resolution, normalise, resize }: LoaderSettings = workerData;
const transformer = new Transformer(resolution, normalise);
const values = resolution * resolution * 3;

// One job after the other, in the order they came; an error that is no image's ends the thread, and so the whole read.
let last = Promise.resolve();
port.on('message', (job: LoaderJob) => {
  last = last.then(async () => port.postMessage(await work(job)));
});

async function work(job: LoaderJob): Promise<LoaderAnswer> {
  const broken: BrokenImage[] = [];
  const next = new Int32Array(job.next);
  for (let index = Atomics.add(next, 0, 1); index < job.files.length; index = Atomics.add(next, 0, 1)) {
    try {
      await makeImage(job, index);
    } catch (error) {
      // Of the decoder, or of the file system.
      if (!(error instanceof ImageError || (error instanceof Error && 'syscall' in error))) throw error;
      broken.push({ index, reason: error.message });
    }
  }
  return { id: job.id, broken };
}

async function makeImage({ files, training, images }: LoaderJob, index: number): Promise<void> {
  // This thread has nothing else to do while it reads.
  const pixels = await decodeImage(readFileSync(files[index]!), (bytes) => transformer.room(bytes));
  const target = new Float32Array(images, index * values * 4, values);
  if (training === null) transformer.test(pixels, resize, target);
  else {
    const random = randomOf(training.seed, 'image', training.epoch, training.positions[index]!);
    transformer.train(pixels, drawAugmentation(random, training.transforms, pixels.width, pixels.height), target);
  }
}
