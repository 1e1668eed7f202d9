import path from 'node:path';
import { mkdir } from 'node:fs/promises';
import { plainBatches } from '../data/batches.ts';
import { readPicture } from '../data/pictures.ts';
import { readNetwork, StaticNetwork, writeNetwork } from './network-file.ts';
import { calibrate, convNorms, loadValues, staticLayout } from './network.ts';
import type { StaticLayout } from './network.ts';
import { writeOnnx } from './onnx.ts';
import type { Done, Message, OfSupernet, Request } from './request.ts';
import { parseArchCode } from '../space/arch-code.ts';
import { macs, parameterCount } from '../space/cost.ts';
import { hasShortcut, subnetOf } from '../space/space.ts';
import type { Subnet } from '../space/space.ts';
import { moduleOf } from '../supernet/block.ts';
import type { ConvNorm as SharedConvNorm } from '../supernet/modules.ts';
import type { Supernet } from '../supernet/network.ts';
import type { Parameter } from '../supernet/parameters.ts';
import { dispose } from '../supernet/tensorflow.ts';
import { loadSupernet } from '../supernet/weights.ts';
import type { NamedTensor } from '../weights/safetensors.ts';
import { openDataset, classNamesOf } from '../data/open.ts';
import { pictureTransformOf } from '../../configs/dataset-schema.ts';

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

/** The weights of one subnet, cut out of the supernet's, under static names and without BN statistics. */
export function extractSubnet(net: Supernet, subnet: Subnet, layout: StaticLayout): NamedTensor[] {
  const blocks = net.blocksOf(subnet);
  const shared: SharedConvNorm[] = [
    net.modules.stem,
    ...blocks.flatMap((at) => {
      const { conv1, conv2, shortcut } = moduleOf(net, at);
      return [conv1, conv2, ...(hasShortcut(at) ? [shortcut] : [])];
    }),
  ];
  const tensors = convNorms(layout).flatMap(({ conv, norm, in: input, out }, index) => {
    const { weight, gamma, beta } = shared[index]!;
    return [
      leading(`${conv}.weight`, weight, out, input),
      leading(`${norm}.weight`, gamma, out),
      leading(`${norm}.bias`, beta, out),
    ];
  });
  const { name, in: input, out } = layout.classifier;
  const { weight, bias } = net.modules.classifiers[blocks.at(-1)!.group]!;
  return [...tensors, leading(`${name}.weight`, weight, out, input), leading(`${name}.bias`, bias, out)];
}

/** `parameter[:out, :input]`, in PyTorch's order. */
function leading(name: string, parameter: Parameter, out: number, input = 1): NamedTensor {
  const [, allInputs = 1, ...kernel] = parameter.shape;
  const size = kernel.reduce((product, side) => product * side, 1);
  const shape = parameter.shape.length === 1 ? [out] : [out, input, ...kernel];
  const all = parameter.read();
  const data = new Float32Array(out * input * size);
  for (let row = 0; row < out; row++) {
    const from = row * allInputs * size;
    data.set(all.subarray(from, from + input * size), row * input * size);
  }
  return { name, shape, data };
}
