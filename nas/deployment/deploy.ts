import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { classNamesOf } from '../data/class-names.ts';
import { plainBatches } from '../data/batches.ts';
import { openDataset } from '../data/dataset.ts';
import { pictureTransformOf } from '../data/picture-transform.ts';
import { readPicture } from '../data/pictures.ts';
import { parseArchCode } from '../space/arch-code.ts';
import { macs, parameterCount } from '../space/cost.ts';
import { subnetOf } from '../space/space.ts';
import { dispose } from '../supernet/tensorflow.ts';
import { loadSupernet } from '../supernet/weights.ts';
import { calibrate } from './calibrate.ts';
import { extractSubnet } from './extract.ts';
import { loadValues } from './forward.ts';
import { readNetwork, writeNetwork } from './network-file.ts';
import { writeOnnx } from './onnx-file.ts';
import type { Done, Message, OfSupernet, Request } from './request.ts';
import { staticLayout } from './static-layout.ts';
import { StaticNetwork } from './static-network.ts';

// Pictures that pass the network at once.
const AT_ONCE = 32;

/** Makes the network that is asked for, writes it where it shall be written, and classifies the pictures. */
export async function deploy(
  { network: source, write, pictures }: Request,
  tell: (message: Message) => void,
): Promise<Done> {
  const network = source.kind === 'network' ? readNetwork(source.file) : await calibratedNetwork(source, tell);
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

/** One subnet out of its supernet, with BN statistics as the evaluation makes them (float32). */
export async function calibratedNetwork(source: OfSupernet, tell: (message: Message) => void): Promise<StaticNetwork> {
  const { space, dataset: config, arch, groups, calibration } = source;
  const { classes } = config;
  const subnet = subnetOf(space, parseArchCode(space, arch));
  const layout = staticLayout(space, subnet, classes);
  const picture = pictureTransformOf(config);
  const dataset = await openDataset(config);
  const net = loadSupernet(source.file, { space, classes, groups });
  const weights = extractSubnet(net, subnet, layout);
  const { epsilon } = net;
  net.dispose();

  const part = dataset.part(calibration.part);
  const { batches, batch_size: batchSize } = calibration;
  const images = {
    batches: plainBatches(dataset, part, { batchSize, limit: batches * batchSize }),
    side: picture.crop,
    channels: picture.channels,
  };
  const values = loadValues(weights);
  const statistics = await calibrate(layout, values, images, epsilon, (done) =>
    tell({ type: 'progress', batches: done, of: batches }),
  );
  dispose(...values.values());
  return new StaticNetwork(
    {
      version: 1,
      arch,
      space,
      classes,
      class_names: await classNamesOf(config),
      epsilon,
      picture,
      calibration: { ...calibration, dataset: config.name, sha256: part.sha256 },
      supernet: { sha256: source.sha256, groups },
    },
    [...weights, ...statistics],
  );
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
    for (const at of files.keys()) logits.push(Array.from(all.subarray(at * classes, (at + 1) * classes)));
  }
  return logits;
}
