import path from 'node:path';
import { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { atomicWrite } from '../artifacts/files.ts';
import { projectRoot } from '../artifacts/paths.ts';
import { VERBS } from '../cli/main.ts';
import { kinds } from '../pipelines/kinds/catalogue.ts';
import { PipelineFile, StageFile } from '../pipelines/schema.ts';
import { isObject } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';

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
  const file = schemaOf(PipelineFile);
  const stage = schemaOf(StageFile);
  return (
    [
      '# Pipelines',
      'Every key of a pipeline file. Values may be references (`${{ params.x }}`, `${{ matrix.x }}`, `${{ stages.ID.OUTPUT }}`). ' +
        'Keys of `with` that a stage leaves out come from the `with` of the pipeline, then from its `config` files.',
      '## The file',
      tableOf(file, 'pipelines/schema.ts'),
      '## A stage',
      tableOf(stage, 'pipelines/schema.ts'),
      ...[...kinds.values()].flatMap((kind) => [
        `## ${kind.name}`,
        `It ${kind.summary}. Keys of \`with\`:`,
        tableOf(schemaOf(kind.schema), SCHEMAS[kind.name] ?? 'pipelines/kinds/catalogue.ts'),
      ]),
    ].join('\n\n') + '\n'
  );
}

function schemaOf(schema: z.ZodType): JsonObject {
  const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', target: 'draft-7', reused: 'inline' });
  return z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(made)));
}

interface Row {
  readonly key: string;
  readonly type: string;
  readonly fallback: string;
}

/** Where the schema of a kind stands, and with it what its keys mean. */
const SCHEMAS: Readonly<Record<string, string>> = {
  'train-supernet': 'nas/training/config.ts',
  'train-standalone': 'nas/training/config.ts',
  'evaluate-subnets': 'nas/evaluation/config.ts',
  'search-subnets': 'nas/evaluation/search/config.ts',
  'merge-results': 'nas/evaluation/merge.ts',
  'ground-truth-table': 'nas/evaluation/ground-truth.ts',
  report: 'report/report.ts',
  command: 'pipelines/kinds/command.ts',
};
const OF_ALL = ['configs/space-schema.ts', 'configs/dataset-schema.ts'];

function tableOf(schema: JsonObject, source: string): string {
  const meanings = meaningsIn([source, ...OF_ALL]);
  const rows = rowsOf(schema, '').map(({ key, type, fallback }) => {
    const meaning = meanings.get(key.split('.').at(-1) ?? '') ?? '';
    return `| \`${key}\` | ${type} | ${fallback} | ${meaning.replaceAll('|', '\\|')} |`;
  });
  return ['| key | value | default | what it is |', '|---|---|---|---|', ...rows].join('\n');
}

/** The comments of keys in schemas' files; of a key that several maps have, none, for one of them might be meant. */
function meaningsIn(sources: readonly string[]): Map<string, string> {
  const text = sources.map((file) => readFileSync(path.join(projectRoot, file), 'utf8')).join('\n');
  const keys = [...text.matchAll(/^ +(?:\/\*\* (.*) \*\/\n +)?(\w+)(?::|,$)/gm)];
  const times = (name: string): number => keys.filter(([, , key]) => key === name).length;
  return new Map(
    keys.flatMap(([, comment, key = '']) => (comment === undefined || times(key) > 1 ? [] : [[key, comment] as const])),
  );
}

/** A line a key, the keys of a map below it by their dotted names. */
function rowsOf(schema: JsonObject, prefix: string): Row[] {
  const { properties } = schema;
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  if (!isObject(properties)) return [];
  return Object.entries(properties).flatMap(([name, inner]) => {
    if (!isObject(inner)) return [];
    const key = prefix + name;
    const fallback =
      'default' in inner ? `\`${JSON.stringify(inner['default'])}\`` : required.includes(name) ? 'needed' : '';
    return [{ key, type: typeOf(inner).replaceAll('|', '\\|'), fallback }, ...rowsOf(inner, `${key}.`)];
  });
}

function typeOf(schema: JsonObject): string {
  const options = [schema['anyOf'], schema['oneOf']].find((list) => Array.isArray(list));
  if (options !== undefined)
    return [...new Set(options.flatMap((one: Json) => (isObject(one) ? typeOf(one) : [])))].join(' or ');
  if ('const' in schema) return `\`${JSON.stringify(schema['const'])}\``;
  if (Array.isArray(schema['enum'])) return schema['enum'].map((one) => `\`${String(one)}\``).join(', ');
  const { type, items } = schema;
  if (type === 'array') return isObject(items) && !('properties' in items) ? `list of: ${typeOf(items)}` : 'list';
  const range = rangeOf(schema);
  return `${typeof type === 'string' ? (WORDS.get(type) ?? type) : 'any value'}${range}`;
}

const WORDS = new Map([
  ['object', 'map'],
  ['string', 'text'],
  ['boolean', 'true or false'],
  ['null', 'null'],
  ['integer', 'whole number'],
]);
/** What a whole number of JavaScript is limited to says nothing. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

function rangeOf(schema: JsonObject): string {
  const limits = [
    ['minimum', '≥'],
    ['exclusiveMinimum', '>'],
    ['maximum', '≤'],
    ['exclusiveMaximum', '<'],
  ].flatMap(([name = '', sign]) => {
    const limit = schema[name];
    return typeof limit === 'number' && Math.abs(limit) !== UNLIMITED ? [`${sign} ${limit}`] : [];
  });
  return limits.length === 0 ? '' : ` ${limits.join(' and ')}`;
}

if (process.argv[1] === import.meta.filename) {
  for (const [name, text] of Object.entries(await referencePages())) {
    await atomicWrite(path.join(import.meta.dirname, 'reference', name), text);
  }
}
