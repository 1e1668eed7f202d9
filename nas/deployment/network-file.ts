import { z } from 'zod';
import { PartName, PictureTransform } from '../../configs/dataset-schema.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { forward, loadValues, staticLayout, staticShapes } from './network.ts';
import type { StaticLayout } from './network.ts';
import { parseArchCode } from '../space/arch-code.ts';
import { subnetOf } from '../space/space.ts';
import { batchNormWith } from '../supernet/ops.ts';
import { dispose, readFloats, tensor } from '../supernet/tensorflow.ts';
import { readSafetensors, SafetensorsError, writeSafetensors } from '../weights/safetensors.ts';
import type { NamedTensor } from '../weights/safetensors.ts';

/** One subnet as a network of its own: nothing in it is shared, and its BN statistics are settled. */
export class StaticNetwork {
  readonly description: Description;
  readonly layout: StaticLayout;
  /** Float32 in PyTorch's order, in the order of `staticShapes`. */
  readonly tensors: readonly NamedTensor[];

  /** @throws SafetensorsError unless the tensors are exactly those of the subnet */
  constructor(description: Description, tensors: readonly NamedTensor[]) {
    const { space, arch, classes } = description;
    this.description = description;
    this.layout = staticLayout(space, subnetOf(space, parseArchCode(space, arch)), classes);
    const given = new Map(tensors.map((entry) => [entry.name, entry]));
    const shapes = staticShapes(this.layout);
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
    const { epsilon, picture } = this.description;
    const { crop: side, channels } = picture;
    const values = loadValues(this.tensors);
    const of = (norm: string, what: string) => values.get(`${norm}.${what}`)!;
    const input = tensor(images, [images.length / (side * side * channels), side, side, channels]);
    const logits = forward(this.layout, values, input, (x, { norm }) => {
      const statistics = { mean: of(norm, 'running_mean'), variance: of(norm, 'running_var') };
      return batchNormWith(x, of(norm, 'weight'), of(norm, 'bias'), statistics, epsilon);
    });
    const result = readFloats(logits);
    dispose(logits, ...values.values());
    return result;
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

// What a network of its own says of itself, beside its tensors. Pure zod: the command line reads it too.

const positive = z.int().positive();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');

/** BN statistics: the mean over so many batches of a part of a data set. */
export const Calibration = z.strictObject({ part: PartName, batches: positive, batch_size: positive });
export type Calibration = z.infer<typeof Calibration>;

export const Description = z
  .strictObject({
    version: z.literal(1),
    /** The subnet's arch code. */
    arch: z.string(),
    space: SpaceConfig,
    classes: positive,
    /** In the order of the logits; null where the data set has none. */
    class_names: z.array(z.string()).readonly().nullable(),
    /** Of batch normalisation. */
    epsilon: z.number().positive(),
    picture: PictureTransform,
    /** `sha256` is that of the part. */
    calibration: Calibration.extend({ dataset: z.string(), sha256 }),
    /** The file that it was cut from, and its K. */
    supernet: z.strictObject({ sha256, groups: positive }),
  })
  .refine(
    ({ space, picture: { channels, crop, mean, std } }) =>
      [channels, mean.length, std.length].every((count) => count === space.channels) &&
      crop === space.resolutions.at(-1),
    'expected pictures of the channels and the size that the space has',
  )
  .refine(
    ({ classes, class_names: names }) => names === null || names.length === classes,
    'expected a name for every class',
  );
export type Description = z.infer<typeof Description>;
