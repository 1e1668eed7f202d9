import { z } from 'zod';
import { parseArchCode } from '../space/arch-code.ts';
import { parameterShapes } from '../space/layout.ts';
import { convNormsOf, networkOf, pass } from '../space/network.ts';
import type { ConvNorm, Network } from '../space/network.ts';
import { subnetOf } from '../space/space.ts';
import { imagesTensor } from '../supernet/images.ts';
import { toInternal } from '../supernet/memory-layout.ts';
import { batchNormWith } from '../supernet/batch-norm.ts';
import { plainSteps } from '../supernet/plain-pass.ts';
import type { Normalise } from '../supernet/plain-pass.ts';
import { dispose, readFloats } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import { readSafetensors, SafetensorsError, writeSafetensors } from '../weights/safetensors.ts';
import type { NamedTensor } from '../weights/safetensors.ts';
import { Description } from './request.ts';

/** One subnet as a network of its own: nothing in it is shared, and its BN statistics are settled. */
export class StaticNetwork {
  readonly description: Description;
  readonly network: Network;
  /** Float32 in PyTorch's order, in the order of `staticShapes`. */
  readonly tensors: readonly NamedTensor[];

  /** @throws SafetensorsError unless the tensors are exactly those of the subnet */
  constructor(description: Description, tensors: readonly NamedTensor[]) {
    const { space, arch, classes } = description;
    this.description = description;
    this.network = networkOf(space, subnetOf(space, parseArchCode(space, arch)), classes);
    const given = new Map(tensors.map((entry) => [entry.name, entry]));
    const shapes = staticShapes(this.network);
    this.tensors = [...shapes].map(([name, shape]) => {
      const found = given.get(name);
      if (found?.shape.join() === shape.join()) return found;
      const got = found?.shape.join('×') ?? 'nothing';
      throw new SafetensorsError(`network ${arch}: ${name}: expected ${shape.join('×')}, got ${got}; export it anew`);
    });
    const foreign = tensors.find(({ name }) => !shapes.has(name));
    if (foreign) throw new SafetensorsError(`network ${arch}: expected only its own tensors, got ${foreign.name}`);
  }

  /** @param images [n, side, side, channels], normalised; @returns logits, [n, classes] */
  logits(images: Float32Array): Float32Array {
    const { space, epsilon } = this.description;
    const values = new Values(this.tensors);
    const normalise: Normalise = (x, layer) => {
      const { gamma, beta, mean, variance } = values.norm(layer);
      return batchNormWith(x, gamma, beta, { mean: mean!, variance: variance! }, epsilon);
    };
    const logits = values.logits(this.network, imagesTensor(space, images), normalise);
    values.dispose();
    return logits;
  }
}

/** Convolution and normalisation of each layer in torchvision's ResNet of basic blocks. */
const TORCHVISION = {
  stem: ['conv1', 'bn1'],
  conv1: ['conv1', 'bn1'],
  conv2: ['conv2', 'bn2'],
  shortcut: ['downsample.0', 'downsample.1'],
} as const;

/** The names that torchvision gives to a layer: `conv1`, `layer1.0.bn2`, `layer4.0.downsample.0`. */
export function torchvisionNames({ role, stage, block }: ConvNorm): { readonly conv: string; readonly norm: string } {
  const [conv, norm] = TORCHVISION[role];
  const place = role === 'stem' ? '' : `layer${stage + 1}.${block}.`;
  return { conv: place + conv, norm: place + norm };
}

/** torchvision's name of the classifier. */
export const FC = 'fc';

/** The shape of every tensor by name, in PyTorch's order: what a file of the network holds. */
function staticShapes(network: Network): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const layer of convNormsOf(network)) {
    const { conv, norm } = torchvisionNames(layer);
    shapes.set(`${conv}.weight`, parameterShapes(layer)[0]!.shape);
    for (const of of ['weight', 'bias', 'running_mean', 'running_var']) shapes.set(`${norm}.${of}`, [layer.out]);
  }
  const [weight, bias] = parameterShapes(network.classifier);
  return shapes.set(`${FC}.weight`, weight!.shape).set(`${FC}.bias`, bias!.shape);
}

/** A network's tensors in TensorFlow's memory and order, where they stay until they are disposed of. */
export class Values {
  readonly #byName = new Map<string, Tensor>();

  /** @param tensors under torchvision's names, with BN statistics or without */
  constructor(tensors: Iterable<NamedTensor>) {
    for (const entry of tensors) this.#byName.set(entry.name, toInternal(entry, entry.data));
  }

  norm(layer: ConvNorm): { gamma: Tensor; beta: Tensor; mean: Tensor | undefined; variance: Tensor | undefined } {
    const { norm } = torchvisionNames(layer);
    return {
      gamma: this.#byName.get(`${norm}.weight`)!,
      beta: this.#byName.get(`${norm}.bias`)!,
      mean: this.#byName.get(`${norm}.running_mean`),
      variance: this.#byName.get(`${norm}.running_var`),
    };
  }

  /** Logits [n, classes] of images [n, h, w, channels], which it frees. */
  logits(network: Network, images: Tensor, normalise: Normalise): Float32Array {
    const weights = {
      kernel: (layer: ConvNorm) => this.#byName.get(`${torchvisionNames(layer).conv}.weight`)!,
      classifier: () => ({ weight: this.#byName.get(`${FC}.weight`)!, bias: this.#byName.get(`${FC}.bias`)! }),
    };
    const logits = pass(network, plainSteps(weights, normalise), images);
    const result = readFloats(logits);
    dispose(images, logits);
    return result;
  }

  dispose(): void {
    dispose(...this.#byName.values());
  }
}

/** Writes a network as safetensors: tensors under torchvision's names, its description as JSON under `network`. */
export function writeNetwork(path: string, { description, tensors }: StaticNetwork): { sha256: string; bytes: number } {
  const metadata = { format: 'pt', arch: description.arch, network: JSON.stringify(description) };
  return writeSafetensors(path, tensors, metadata);
}

/** @throws SafetensorsError for a file that `writeNetwork` did not write */
export function readNetwork(path: string): StaticNetwork {
  const { metadata, tensors } = readSafetensors(path);
  const description = Text.pipe(Description).safeParse(metadata['network']);
  if (metadata['network'] === undefined) {
    throw new SafetensorsError(
      `${path}: expected a network that \`nas export\` wrote, got another safetensors file; a supernet is given by --supernet and --arch`,
    );
  }
  if (!description.success) {
    throw new SafetensorsError(`${path}: network: ${z.prettifyError(description.error)}; export it anew`);
  }
  return new StaticNetwork(description.data, tensors);
}

const Text = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'expected JSON' });
    return z.NEVER;
  }
});
