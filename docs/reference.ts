import path from 'node:path';
import { Command } from 'commander';
import { readdirSync, readFileSync } from 'node:fs';
import { load as parseYaml } from 'js-yaml';
import { z } from 'zod';
import { keysOf } from './keys.ts';
import type { Key } from './keys.ts';
import { atomicWrite } from '../artifacts/files.ts';
import { projectRoot } from '../runtime/layout.ts';
import { VERBS } from '../cli/main.ts';
import { DatasetConfig } from '../configs/dataset-schema.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import { kinds } from '../pipelines/kinds/catalogue.ts';
import { PipelineFile, StageFile } from '../pipelines/schema.ts';
import { isObject, valueAt } from '../plan/json.ts';
import type { JsonObject } from '../plan/json.ts';

/**
 * The pages of reference, made of the schemas and of the commands' own help: `npx tsx docs/reference.ts` writes them after a
 * change, test/pure/docs.test.ts holds them to it.
 */

/** The pages by their file below docs/reference/. */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  return { 'commands.md': await commandsPage(), 'pipelines.md': pipelinesPage() };
}

async function commandsPage(): Promise<string> {
  const sections = [];
  for (const [name, [description, load]] of Object.entries(VERBS)) {
    const command = new Command(`nas ${name}`).description(description);
    (await load()).define(command);
    const all = command.commands.length === 0 ? [command] : command.commands;
    sections.push(`## nas ${name}`, ...all.map((one) => ['```text', helpOf(one), '```'].join('\n')));
  }
  return (
    [
      '# Commands',
      'Every command takes `--help`. Exit codes: 0, 1 (something failed), 2 (what was given is wrong).',
      ...sections,
      '',
    ]
      .join('\n\n')
      .trimEnd() + '\n'
  );
}

// As wide as the page, whatever terminal this runs in; defaults that are paths of this machine are named.
function helpOf(command: Command): string {
  return command.configureHelp({ helpWidth: 100 }).helpInformation().replaceAll(projectRoot, '.').trim();
}

function pipelinesPage(): string {
  const sections = Object.entries(sectionsOfKeys()).flatMap(([title, { lead, keys, given }]) => [
    `## ${title}`,
    ...(lead === '' ? [] : [lead]),
    tableOf(keys, given),
  ]);
  return (
    [
      '# Pipelines',
      'Every key of a pipeline file, and of the files that it names. Values may be references (`${{ params.x }}`, ' +
        '`${{ matrix.x }}`, `${{ stages.ID.OUTPUT }}`). Keys of `with` that a stage leaves out come from the `with` of the ' +
        'pipeline, then from its `config` files: the default is what the shipped files of `configs/` say to stages of that kind, ' +
        'or what is built in. The unit `1` is a plain number, a `share` lies between 0 and 1.',
      ...sections,
    ].join('\n\n') + '\n'
  );
}

interface Section {
  readonly lead: string;
  readonly keys: readonly Key[];
  /** What config files say to it. */
  readonly given: readonly ConfigFile[];
}

/** The tables of keys by the titles of their sections. */
export function sectionsOfKeys(): Readonly<Record<string, Section>> {
  const [fashion, list] = DatasetConfig.options;
  return {
    'The file': { lead: '', keys: keysOf(PipelineFile), given: [] },
    'A stage': { lead: '', keys: keysOf(StageFile), given: [] },
    ...Object.fromEntries(
      [...kinds.values()].map(({ name, summary, schema }) => [
        name,
        { lead: `It ${summary}. Keys of \`with\`:`, keys: keysOf(schema, Object.keys(APART)), given: configsOf(name) },
      ]),
    ),
    'A space': { lead: 'A file of `configs/spaces`.', keys: keysOf(SpaceConfig), given: [] },
    'A data set of Fashion-MNIST': { lead: 'A file of `configs/datasets`.', keys: keysOf(fashion), given: [] },
    'A data set of image files': { lead: 'A file of `configs/datasets`.', keys: keysOf(list), given: [] },
  };
}

/** What has a section of its own. */
const APART: Readonly<Record<string, string>> = {
  space: 'name or map: [a space](#a-space)',
  dataset:
    'name or map: [of Fashion-MNIST](#a-data-set-of-fashion-mnist), [of image files](#a-data-set-of-image-files)',
};

interface ConfigFile {
  readonly name: string;
  readonly value: JsonObject;
}

const Configured = z.object({ uses: z.string(), config: StageFile.shape.config });

/** The config files that shipped pipelines give to stages of that kind. */
function configsOf(kind: string): ConfigFile[] {
  const pipelines = readdirSync(path.join(projectRoot, 'pipelines')).filter((name) => name.endsWith('.yml'));
  const names = pipelines.flatMap((name) => {
    const { config, stages } = PipelineFile.parse(yamlOf(`pipelines/${name}`));
    const parsed = Object.values(stages).map((stage) => Configured.parse(stage));
    return parsed.filter(({ uses }) => uses === kind).flatMap((stage) => [...config, ...stage.config]);
  });
  return [...new Set(names)].map((name) => ({ name: path.basename(name), value: yamlOf(`configs/${name}`) }));
}

function yamlOf(file: string): JsonObject {
  return z.record(z.string(), z.json()).parse(parseYaml(readFileSync(path.join(projectRoot, file), 'utf8')));
}

function tableOf(keys: readonly Key[], given: readonly ConfigFile[]): string {
  const rows = keys.map((key) => {
    const { name, type, unit, meaning } = key;
    const cells = [`\`${name}\``, APART[name] ?? type, unit, ...defaultOf(key, given), meaning];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| key | value | unit | default | from | what it is |', '|---|---|---|---|---|---|', ...rows].join('\n');
}

/** The default of a key, and where it comes from; several files may have one each. */
function defaultOf({ name, fallback, isNeeded }: Key, given: readonly ConfigFile[]): [value: string, from: string] {
  const said = given.flatMap((file) => {
    const value = valueAt(file.value, name.split('.'));
    return value === undefined || isObject(value) ? [] : [{ from: file.name, value: `\`${JSON.stringify(value)}\`` }];
  });
  if (said.length > 0) return [said.map(({ value }) => value).join(', '), said.map(({ from }) => from).join(', ')];
  if (fallback !== null) return [`\`${fallback}\``, 'built in'];
  return [isNeeded ? 'needed' : '', ''];
}

if (process.argv[1] === import.meta.filename) {
  for (const [name, text] of Object.entries(await referencePages())) {
    await atomicWrite(path.join(import.meta.dirname, 'reference', name), text);
  }
}
