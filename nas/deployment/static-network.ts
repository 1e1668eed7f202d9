import { parseArchCode } from '../space/arch-code.ts';
import { subnetOf } from '../space/space.ts';
import { batchNormWith } from '../supernet/ops.ts';
import { SafetensorsError } from '../supernet/safetensors.ts';
import type { NamedTensor } from '../supernet/safetensors.ts';
import { dispose, readFloats, tensor } from '../supernet/tensorflow.ts';
import type { Description } from './description.ts';
import { forward, loadValues } from './forward.ts';
import { staticLayout, staticShapes } from './static-layout.ts';
import type { StaticLayout } from './static-layout.ts';

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
