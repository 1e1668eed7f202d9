import path from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { existsSync, readFileSync } from 'node:fs';
import { atomicWrite } from '../artifacts/files.ts';
import { projectFile } from '../artifacts/paths.ts';
import { Failure } from './failure.ts';
import { jsonOption, output, positiveWhole, wholeNumber } from './options.ts';
import { parseSpace } from '../configs/space-schema.ts';
import { bandedArchitectures } from '../nas/space/bands.ts';
import { archCodes, stratifiedArchitectures } from '../nas/space/sampling.ts';
import type { Space } from '../nas/space/space.ts';

interface Options {
  readonly seed: number;
  readonly bands?: readonly number[];
  readonly classes?: number;
  readonly out?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .argument('<space>', 'name of a file in configs/spaces')
    .argument('<count>', 'how many subnets; of each band where there are bands', positiveWhole)
    .option('--seed <n>', 'of the draw', wholeNumber, 0)
    .option('--bands <parameters>', 'so many of each of these sizes, such as 3000,4500; without, of all sizes', sizes)
    .option('--classes <n>', 'of the classifier, which counts as parameters; with --bands', positiveWhole)
    .option('--out <file>', 'write them into a file, such as configs/subnets/mine.txt')
    .addOption(jsonOption())
    .action(draw);
}

function sizes(text: string): number[] {
  if (/^[1-9]\d*(,[1-9]\d*)*$/.test(text)) return text.split(',').map(Number);
  throw new InvalidArgumentError('expected numbers of parameters, such as 3000,4500.');
}

/** Prints arch codes, one a line: what pipelines name as a list of subnets. */
async function draw(name: string, count: number, options: Options): Promise<void> {
  const { out, json } = options;
  const codes = codesOf(spaceOf(name), count, options);
  const text = codes.join('\n');
  if (out === undefined) return output(json, { space: name, subnets: codes }, () => text);
  await atomicWrite(path.resolve(out), `${text}\n`);
  output(
    json,
    { space: name, file: out, subnets: codes },
    () => `${out}: ${codes.length} subnets of the space ${name}`,
  );
}

function spaceOf(name: string): Space {
  const file = `configs/spaces/${name}.yml`;
  const place = projectFile(file);
  if (!existsSync(place)) {
    throw new Failure(`space: expected the name of a file in configs/spaces, got ${name}; make ${place}`, 2);
  }
  return parseSpace(readFileSync(place, 'utf8'), file);
}

function codesOf(space: Space, count: number, { seed, bands, classes }: Options): string[] {
  if (bands === undefined) return archCodes(space, stratifiedArchitectures(space, count, seed));
  if (classes === undefined) {
    throw new Failure('--bands: expected --classes beside it, got none; say how many classes the data set has', 2);
  }
  return archCodes(space, bandedArchitectures(space, { parameters: bands, count, seed, classes }).flat());
}
