import { pictureTransformOf } from '../../configs/dataset-schema.ts';
import { BadInput } from '../../plan/endings.ts';
import { plainBatches } from '../data/batches.ts';
import type { Batch } from '../data/batches.ts';
import { classNamesOf, openDataset } from '../data/open.ts';
import { parseArchCode } from '../space/arch-code.ts';
import { convNormsOf } from '../space/network.ts';
import type { ConvNorm, Network } from '../space/network.ts';
import { subnetOf } from '../space/space.ts';
import type { Space, Subnet } from '../space/space.ts';
import { imagesTensor } from '../supernet/images.ts';
import { batchNorm } from '../supernet/batch-norm.ts';
import type { Parameter } from '../supernet/parameter.ts';
import type { Normalise } from '../supernet/plain-pass.ts';
import type { Supernet } from '../supernet/supernet.ts';
import { dispose, readFloats } from '../supernet/tensorflow.ts';
import { loadSupernet } from '../supernet/weights.ts';
import type { NamedTensor } from '../weights/safetensors.ts';
import type { OfSupernet } from './request.ts';
import { FC, StaticNetwork, torchvisionNames, Values } from './static-network.ts';

/**
 * One subnet out of its supernet, with BN statistics as the evaluation makes them (float32).
 * @param onBatch told how many of the calibration's batches are done
 */
export async function calibratedNetwork(
  source: OfSupernet,
  onBatch: (done: number, of: number) => void,
): Promise<StaticNetwork> {
  const { space, dataset: config, arch, groups, calibration } = source;
  const { classes } = config;
  const subnet = subnetOf(space, parseArchCode(space, arch));
  const dataset = await openDataset(config);
  const net = loadSupernet(source.file, { space, classes, groups });
  const { epsilon } = net;
  const network = net.networkOf(subnet);
  const weights = extractSubnet(net, subnet);
  net.dispose();

  const part = dataset.part(calibration.part);
  const { batches, batch_size: batchSize } = calibration;
  const images = plainBatches(dataset, part, { batchSize, limit: batches * batchSize });
  const onEach = (done: number): void => onBatch(done, batches);
  const statistics = await calibrate(network, weights, { space, epsilon, batches: images }, onEach);
  return new StaticNetwork(
    {
      version: 1,
      arch,
      space,
      classes,
      class_names: await classNamesOf(config),
      epsilon,
      picture: pictureTransformOf(config),
      calibration: { ...calibration, dataset: config.name, sha256: part.sha256 },
      supernet: { sha256: source.sha256, groups },
    },
    [...weights, ...statistics],
  );
}

/** The weights of one subnet, cut out of the supernet's, under torchvision's names and without BN statistics. */
export function extractSubnet(net: Supernet, subnet: Subnet): NamedTensor[] {
  const network = net.networkOf(subnet);
  const tensors = convNormsOf(network).flatMap((layer) => {
    const { conv, norm } = torchvisionNames(layer);
    const { weight, gamma, beta } = net.convNorm(layer);
    return [
      leading(`${conv}.weight`, weight, layer.out, layer.in),
      leading(`${norm}.weight`, gamma, layer.out),
      leading(`${norm}.bias`, beta, layer.out),
    ];
  });
  const { classifier } = network;
  const { weight, bias } = net.classifier(classifier);
  return [
    ...tensors,
    leading(`${FC}.weight`, weight, classifier.out, classifier.in),
    leading(`${FC}.bias`, bias, classifier.out),
  ];
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

/** What statistics are gathered on. */
interface Calibrating {
  readonly space: Space;
  /** Of batch normalisation. */
  readonly epsilon: number;
  readonly batches: Iterable<Batch> | AsyncIterable<Batch>;
}

/**
 * BN statistics of a network, as the evaluation makes them: each batch is normalised by its own, and what stays is the
 * mean over the batches (of the unbiased variances too).
 * @param weights under torchvision's names
 * @returns `running_mean` and `running_var` of every normalisation
 * @throws BadInput where there is no batch
 */
export async function calibrate(
  network: Network,
  weights: readonly NamedTensor[],
  { space, epsilon, batches }: Calibrating,
  onBatch: (done: number) => void,
): Promise<NamedTensor[]> {
  const values = new Values(weights);
  const sums = new Map(
    convNormsOf(network).map((layer) => [
      torchvisionNames(layer).norm,
      { mean: new Float64Array(layer.out), variance: new Float64Array(layer.out) },
    ]),
  );
  const gather: Normalise = (x, layer: ConvNorm) => {
    const { gamma, beta } = values.norm(layer);
    const { y, mean, variance, state } = batchNorm(x, gamma, beta, epsilon);
    const sum = sums.get(torchvisionNames(layer).norm)!;
    addTo(sum.mean, readFloats(mean));
    addTo(sum.variance, readFloats(variance));
    dispose(mean, variance, ...state);
    return y;
  };
  let count = 0;
  for await (const { images } of batches) {
    values.logits(network, imagesTensor(space, images), gather);
    onBatch(++count);
  }
  values.dispose();
  if (count === 0) throw new BadInput('calibration: expected batches of images, got none');
  return [...sums].flatMap(([norm, { mean, variance }]) => [
    { name: `${norm}.running_mean`, shape: [mean.length], data: Float32Array.from(mean, (sum) => sum / count) },
    { name: `${norm}.running_var`, shape: [mean.length], data: Float32Array.from(variance, (sum) => sum / count) },
  ]);
}

function addTo(sum: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
}
