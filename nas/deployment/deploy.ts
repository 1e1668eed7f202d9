import path from 'node:path';
import { BadInput } from '../../plan/endings.ts';
import { mkdir } from 'node:fs/promises';
import { readPicture } from '../data/pictures.ts';
import { parseArchCode } from '../space/arch-code.ts';
import { macs, parameterCount } from '../space/cost.ts';
import { subnetOf } from '../space/space.ts';
import { calibratedNetwork } from './calibrated-network.ts';
import { writeOnnx } from './onnx.ts';
import type { Done, Message, Request } from './request.ts';
import { readNetwork, writeNetwork } from './static-network.ts';
import type { StaticNetwork } from './static-network.ts';

// Pictures that pass the network at once.
const AT_ONCE = 32;

/** Makes the network of a request, writes its files, and classifies the pictures. */
export async function deploy(
  { network: source, write, pictures }: Request,
  tell: (message: Message) => void,
): Promise<Done> {
  const onBatch = (done: number, of: number): void => tell({ type: 'progress', batches: done, of });
  const network = source.kind === 'network' ? readNetwork(source.file) : await calibratedNetwork(source, onBatch);
  const { description } = network;
  const { space, arch, classes } = description;
  const subnet = subnetOf(space, parseArchCode(space, arch));
  const written: Done['written'] = [];
  for (const { format, file } of write) {
    await mkdir(path.dirname(file), { recursive: true });
    const about = format === 'onnx' ? await writeOnnx(file, network) : writeNetwork(file, network);
    written.push({ format, file, ...about });
  }
  return {
    type: 'done',
    network: description,
    parameters: parameterCount(space, subnet, classes),
    macs: macs(space, subnet, description.picture.crop, classes),
    written,
    logits: await classify(network, pictures),
  };
}

async function classify(network: StaticNetwork, pictures: readonly string[]): Promise<number[][]> {
  const { picture, classes } = network.description;
  const size = picture.crop ** 2 * picture.channels;
  const logits: number[][] = [];
  for (let from = 0; from < pictures.length; from += AT_ONCE) {
    const files = pictures.slice(from, from + AT_ONCE);
    const images = new Float32Array(files.length * size);
    for (const [at, file] of files.entries()) images.set(await readPicture(file, picture), at * size);
    const all = network.logits(images);
    if (!all.every(Number.isFinite)) {
      throw new BadInput(
        `${files.join(', ')}: expected finite logits, got NaN or infinity; the network's weights are too large`,
      );
    }
    for (const at of files.keys()) logits.push(Array.from(all.subarray(at * classes, (at + 1) * classes)));
  }
  return logits;
}
