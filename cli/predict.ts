import path from 'node:path';
import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { deploy } from './deployment.ts';
import { Failure } from './failure.ts';
import { jsonOption, output } from './options.ts';
import { defineForSubnet, subnetOf } from './supernet-options.ts';
import type { SubnetOptions } from './supernet-options.ts';
import { columns } from './view/format.ts';

interface PredictOptions extends SubnetOptions {
  readonly model?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  defineForSubnet(command.argument('<image...>', 'picture files'))
    .option('--model <file>', 'instead of a subnet of a supernet: a .safetensors that `nas export` wrote')
    .addOption(jsonOption())
    .action(predict);
}

async function predict(images: readonly string[], { model, json, ...options }: PredictOptions): Promise<void> {
  if (model !== undefined && (options.supernet ?? options.arch) !== undefined) {
    throw new Failure('--model: expected it alone, got --supernet or --arch too; leave one of them out', 2);
  }
  if (model === undefined && (options.supernet ?? options.arch) === undefined) {
    throw new Failure(
      'nas predict: expected --model FILE, or --supernet FILE with --arch CODE, got none of them; `nas export` writes such a file, `nas top RUN` lists arch codes',
      2,
    );
  }
  const missing = [...(model === undefined ? [] : [model]), ...images].find((file) => !existsSync(file));
  if (missing !== undefined) throw new Failure(`${missing}: expected a file, got none; correct the path`, 2);
  const network =
    model === undefined
      ? await subnetOf(options)
      : ({ kind: 'network', file: path.resolve(model), threads: availableParallelism() } as const);
  const pictures = images.map((image) => path.resolve(image));
  const { network: made, logits } = await deploy({ network, write: [], pictures });
  const predictions = images.map((image, at) => {
    const own = logits[at] ?? [];
    return { image, top: likeliest(own, made.class_names), logits: own };
  });
  output(json, { network: made, predictions }, () => predictions.map(predictionText).join('\n\n'));
}

/** A class with the network's probability for it. */
export interface Guess {
  readonly class: number;
  /** Null where the data set names no classes. */
  readonly name: string | null;
  readonly probability: number;
}

/** The five classes with the largest logits, by softmax; of equal ones the first class goes first. */
export function likeliest(logits: readonly number[], names: readonly string[] | null): Guess[] {
  const largest = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return logits
    .map((logit, at) => ({ class: at, name: names?.[at] ?? null, probability: Math.exp(logit - largest) / sum }))
    .toSorted((a, b) => b.probability - a.probability)
    .slice(0, 5);
}

/** A picture and what is seen in it, the likeliest first. */
export function predictionText({ image, top }: { readonly image: string; readonly top: readonly Guess[] }): string {
  const rows = top.map(({ class: label, name, probability }) => [
    `  ${(100 * probability).toFixed(1).padStart(5)} %`,
    name ?? `class ${label}`,
  ]);
  return [image, ...columns(rows)].join('\n');
}
