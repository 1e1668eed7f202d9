import path from 'node:path';
import { Command } from 'commander';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { projectRoot } from '../../runtime/layout.ts';
import { loadPlan } from '../../cli/load.ts';
import { VERBS } from '../../cli/main.ts';
import { referencePages, sectionsOfKeys } from '../../docs/reference.ts';

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(path.join(projectRoot, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
];
const textOf = (page: string): string => readFileSync(path.join(projectRoot, page), 'utf8');

/** What a heading is called in a link, as GitHub and VitePress do it. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
}

test.each([...pages, 'docs/reference/pipelines.md', 'docs/reference/commands.md'])(
  '%s: every link leads somewhere',
  (page) => {
    const broken = [...textOf(page).matchAll(/\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)/g)].flatMap(
      ([link, file = '', anchor]) => {
        const target = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
        if (!existsSync(path.join(projectRoot, target))) return [link];
        return anchor === undefined || anchorsOf(textOf(target)).includes(anchor) ? [] : [link];
      },
    );
    expect(broken).toEqual([]);
  },
);

/** The lines of blocks of shell, and what stands between backticks; comments are left out. */
function codeIn(text: string): { readonly lines: readonly string[]; readonly inline: readonly string[] } {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) => block.split('\n'));
  const prose = text.replaceAll(/^```.*?^```/gms, '');
  const inline = [...prose.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
  return { lines: blocks.map((line) => line.replace(/\s+#.*$/, '').trim()), inline };
}

/** The words behind `nas`, without what belongs to the shell; none where that is not called. */
function wordsOf(line: string): string[] {
  const [, command] = /^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:npx )?nas ([a-z].*)$/.exec(line) ?? [];
  const words = [...(command ?? '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
  const end = words.findIndex((word) => ['|', '>', '&&'].includes(word));
  return end < 0 ? words : words.slice(0, end);
}

/** A command whose actions do nothing, and the one of its verbs that the words name. */
async function commandOf(verb: string, words: readonly string[]): Promise<{ outer: Command; inner: Command } | null> {
  const entry = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (entry === undefined) return null;
  const outer = new Command(verb);
  (await entry[1]()).define(outer);
  const inner = outer.commands.find((one) => one.name() === words[0]) ?? outer;
  inner.action(() => {});
  for (const one of [outer, ...outer.commands]) one.exitOverride().configureOutput({ writeErr: () => {} });
  return { outer, inner };
}

/** What the command line says to a whole command: nothing where it would do it. */
async function refusalOf([verb = '', ...words]: readonly string[]): Promise<string[]> {
  const command = await commandOf(verb, words);
  if (command === null) return [`no verb ${verb}`];
  try {
    await command.outer.parseAsync(words, { from: 'user' });
    return [];
  } catch (error) {
    return [`nas ${[verb, ...words].join(' ')}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** What is wrong with a command in a sentence, which may leave out what it is about: a verb or an option that does not exist. */
async function wrongIn([verb = '', ...words]: readonly string[]): Promise<string[]> {
  const command = await commandOf(verb, words);
  if (command === null) return [`no verb ${verb}`];
  const known = new Set(command.inner.options.flatMap(({ long, short }) => [long, short]));
  return words
    .filter((word) => /^--?[a-z]/.test(word) && !known.has(word.replace(/[=,].*$/, '')))
    .map((word) => `nas ${verb}: no option ${word}`);
}

const isCommand = (words: readonly string[]): boolean => words.length > 0;

test.each(pages)('%s: every command would be done as it stands there', async (page) => {
  const { lines, inline } = codeIn(textOf(page));
  const refused = await Promise.all(lines.map(wordsOf).filter(isCommand).map(refusalOf));
  const wrong = await Promise.all(inline.map(wordsOf).filter(isCommand).map(wrongIn));
  expect([...refused, ...wrong].flat()).toEqual([]);
  const scripts = Object.keys(JSON.parse(textOf('package.json')).scripts);
  const run = [...lines, ...inline].flatMap((line) =>
    [...line.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name),
  );
  expect(run.filter((name) => !scripts.includes(name ?? ''))).toEqual([]);
});

/** Where what `nas init` writes comes from. */
const shipped = (file: string): string => (file === 'pipelines/first.yml' ? 'cli/init/pipeline.yml' : file);

test.each(pages)('%s: every file that a command reads is there', (page) => {
  const named = codeIn(textOf(page)).lines.flatMap((line) => {
    const words = line.split(/\s+/);
    // What is copied to, and what is asked for, is made.
    const read = words[0] === 'cp' ? words.slice(0, -1) : words;
    return read.filter((_, at) => !['--config', '--out', '--html'].includes(words[at - 1] ?? ''));
  });
  const files = named.filter((word) => /^(pipelines|configs|docs|bench|test|runtime|nas)\/[\w./-]+\.\w+$/.test(word));
  expect(files.filter((file) => !existsSync(path.join(projectRoot, shipped(file))))).toEqual([]);
});

test('what the docs set when they plan or start a pipeline can be set', async () => {
  const commands = pages.flatMap((page) => codeIn(textOf(page)).lines.map(wordsOf));
  const starting = commands.filter(
    ([verb = '', ...words]) => ['plan', 'start', 'quickstart'].includes(verb) && words.includes('--set'),
  );
  expect(starting.length).toBeGreaterThan(4);
  for (const [verb = '', ...words] of starting) {
    const { outer } = (await commandOf(verb, words))!;
    await outer.parseAsync(words, { from: 'user' });
    const file = outer.args[0] ?? 'pipelines/quickstart.yml';
    const { set = [] }: { set?: string[] } = outer.opts();
    // Of one's own, made by the commands before.
    if (set.some((setting) => /^(with\.dataset|with\.space|subnets)=/.test(setting))) continue;
    expect(loadPlan(path.join(projectRoot, shipped(file)), { set }).stages.length).toBeGreaterThan(0);
  }
});

test('the reference is what schemas and commands say; else: npx tsx docs/reference.ts', async () => {
  for (const [name, text] of Object.entries(await referencePages()))
    expect(textOf(`docs/reference/${name}`)).toBe(text);
});

test('the reference says what every key is, and in what unit every number', () => {
  const sections = Object.entries(sectionsOfKeys());
  const mute = sections.flatMap(([title, { keys }]) =>
    keys.flatMap(({ name, meaning, isNumber, unit }) => [
      ...(meaning === '' ? [`${title}: ${name}: no description`] : []),
      ...(isNumber && unit === '' ? [`${title}: ${name}: no unit`] : []),
    ]),
  );
  expect(mute).toEqual([]);
  expect(sections.flatMap(([, { keys }]) => keys).length).toBeGreaterThan(200);
});

test('commands are found where they stand, and wrong ones are told', async () => {
  const text =
    'Say `nas list --sate`.\n\n```sh\nnpx nas strt x    # no\nNAS_HOME=x nas list --state none | head\nnas select a b\n```\n';
  const { lines, inline } = codeIn(text);
  const commands = lines.map(wordsOf).filter(isCommand);
  expect(commands).toEqual([
    ['strt', 'x'],
    ['list', '--state', 'none'],
    ['select', 'a', 'b'],
  ]);
  expect((await Promise.all(commands.map(refusalOf))).flat()).toEqual([
    'no verb strt',
    expect.stringContaining("'none' is invalid"),
    expect.stringContaining("missing required argument 'epoch'"),
  ]);
  expect(await wrongIn(wordsOf(inline[0] ?? ''))).toEqual(['nas list: no option --sate']);
  expect(anchorsOf('# What is `true` where?\n')).toEqual(['what-is-true-where']);
});
