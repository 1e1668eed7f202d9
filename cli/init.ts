import path from 'node:path';
import pc from 'picocolors';
import type { Command } from 'commander';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { atomicWrite } from '../artifacts/files.ts';
import { projectFile, shippedFile } from '../artifacts/paths.ts';
import { jsonOption, output } from './options.ts';
import { columns } from './view/format.ts';

export function define(command: Command): void {
  command.argument('[folder]', 'where to put it; made if it is missing', '.').addOption(jsonOption()).action(init);
}

/** What the pipeline names, so that it can be read and changed: copies of what is shipped. */
const CONFIGS = [
  'common.yml',
  'train_supernet_models.yml',
  'few_shot.yml',
  'fashion.yml',
  'spaces/fashion.yml',
  'datasets/fashion.yml',
  'ground-truth/fashion.json',
].map((file) => `configs/${file}`);

/** File of the new folder → file that it is a copy of. */
const files: readonly (readonly [name: string, source: string])[] = [
  ['pipelines/first.yml', ours('pipeline.yml')],
  ['README.md', ours('README.md')],
  ['.gitignore', ours('gitignore')],
  ...[...CONFIGS, 'pipelines/schema.json'].map((file) => [file, projectFile(file)] as const),
];

function ours(name: string): string {
  return shippedFile(`cli/init/${name}`);
}

async function init(folder: string, { json }: { json?: true }): Promise<void> {
  const written: string[] = [];
  const kept: string[] = [];
  // Found from now on from any folder below.
  mkdirSync(path.join(folder, '.nas'), { recursive: true });
  for (const [name, source] of files) {
    const target = path.join(folder, name);
    if (existsSync(target)) kept.push(name);
    else await atomicWrite(target, readFileSync(source));
    if (!kept.includes(name)) written.push(name);
  }
  output(json, { folder: path.resolve(folder), written, kept }, () => {
    const enter = path.resolve(folder) === process.cwd() ? [] : [`cd ${folder}`];
    return [
      ...columns([
        ...written.map((name) => [pc.green('written'), name]),
        ...kept.map((name) => [pc.yellow('kept'), `${name}, which was there`]),
      ]),
      '',
      'Next:',
      ...[...enter, 'npx nas plan pipelines/first.yml', 'npx nas quickstart'].map((line) => `  ${line}`),
    ].join('\n');
  });
}
