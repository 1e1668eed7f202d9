import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { ParameterSpec } from '../../nas/space/layout.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import { toInternal } from '../../nas/supernet/memory-layout.ts';
import { tensor } from '../../nas/supernet/tensorflow.ts';
import type { Tensor } from '../../nas/supernet/tensorflow.ts';
import { committedSpace } from './spaces.ts';

const logits = z.array(z.array(z.number()));
const nets = z.array(z.object({ arch: z.string(), train_logits: logits }));
const names = z.array(z.tuple([z.string(), z.array(z.number())]));

/**
 * Numbers computed once with the original PyTorch implementation; how its weights and images are made stands below.
 * Of ten logits the first eight are listed.
 */
const schema = z.object({
  one_shot: z.array(z.object({ arch: z.string(), train_logits: logits, calibrated_logits: logits })),
  few_shot: z.array(z.object({ K: z.number(), parameters: z.number(), nets, after_scaling: nets })),
  resize: z.object({
    checks: z.array(z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()])),
  }),
  fill_checks: z.record(z.string(), z.array(z.number())),
  names,
  names_k3: names,
  training_steps: z.object({
    learning_rate: z.number(),
    records: z.array(
      z.object({
        codes: z.array(z.string()),
        losses: z.array(z.number()),
        largest_gradient_before_clipping: z.number(),
      }),
    ),
  }),
});

const file = new URL('../fixtures/original_network.json', import.meta.url);
export const golden = schema.parse(JSON.parse(readFileSync(file, 'utf8')));
export const imagenet = committedSpace('imagenet');
export const GOLDEN_CLASSES = 10;

/** A parameter's golden values: a sine of the index with a phase of the name, scaled by kind; in PyTorch's order. */
export function goldenValues({ name, kind, shape }: ParameterSpec): Float32Array {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const phase = (2 * Math.PI * (crc32(name) % 1000)) / 1000;
  const weightScale = Math.sqrt(4 / (size / shape[0]!));
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const wave = Math.sin(phase + 0.7 * (i + 1) + 0.001 * (i % 97) * (i % 89));
    values[i] = kind === 'norm' ? 1 + 0.2 * wave : kind === 'bias' ? 0.2 * wave : weightScale * wave;
  }
  return values;
}

/** The one-shot supernet of the ImageNet space with golden values. */
export function goldenSupernet(): Supernet {
  return new Supernet({ space: imagenet, classes: GOLDEN_CLASSES, groups: 1 }, (spec) =>
    toInternal(spec, goldenValues(spec)),
  );
}

/** The golden images, whose formula counts in NCHW order, as [n, size, size, 3]. */
export function goldenImages(seed: number, n: number, size: number): Tensor {
  const data = new Float32Array(n * 3 * size * size);
  for (let i = 0; i < data.length; i++) {
    const column = i % size;
    const row = Math.floor(i / size) % size;
    const channel = Math.floor(i / (size * size)) % 3;
    const image = Math.floor(i / (3 * size * size));
    data[((image * size + row) * size + column) * 3 + channel] = Math.sin(seed + 0.01 * i + 0.5 * Math.sin(0.003 * i));
  }
  return tensor(data, [n, size, size, 3]);
}
