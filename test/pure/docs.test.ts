import path from 'node:path';
import { Command } from 'commander';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { projectRoot } from '../../artifacts/paths.ts';
import { VERBS } from '../../cli/main.ts';
import { referencePages } from '../../docs/reference.ts';

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

test.each(pages)('%s: every link leads somewhere', (page) => {
  const broken = [...textOf(page).matchAll(/\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)/g)].flatMap(
    ([link, file = '', anchor]) => {
      const target = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
      if (!existsSync(path.join(projectRoot, target))) return [link];
      return anchor === undefined || anchorsOf(textOf(target)).includes(anchor) ? [] : [link];
    },
  );
  expect(broken).toEqual([]);
});

/** `nas …` in a block of shell or between backticks, without what belongs to the shell. */
function commandsIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) => block.split('\n'));
  const prose = text.replaceAll(/^```.*?^```/gms, '');
  const inline = [...prose.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
  return [...blocks, ...inline].flatMap((line) => {
    const [, command] =
      /^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:npx )?nas ([a-z].*)$/.exec(line.replace(/\s+#.*$/, '').trim()) ?? [];
    return command === undefined ? [] : [command];
  });
}

/** What is wrong with a command line: a verb or an option that does not exist. */
async function wrongIn(line: string): Promise<string[]> {
  const [verb = '', ...words] = line.split(/\s+/);
  const entry = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (entry === undefined) return [`nas ${line}: no verb ${verb}`];
  const command = new Command(verb);
  (await entry[1]()).define(command);
  const inner = command.commands.find((one) => one.name() === words[0]) ?? command;
  const known = new Set(inner.options.flatMap(({ long, short }) => [long, short]));
  return words
    .filter((word) => /^--?[a-z]/.test(word) && !known.has(word.replace(/[=,].*$/, '')))
    .map((word) => `nas ${line}: no option ${word}`);
}

test.each(pages)('%s: every nas command has a verb and options that there are', async (page) => {
  const wrong = await Promise.all(commandsIn(textOf(page)).map(wrongIn));
  expect(wrong.flat()).toEqual([]);
});

test.each(pages)('%s: every pipeline that a command names is there', (page) => {
  const named = commandsIn(textOf(page)).flatMap((line) => line.match(/\bpipelines\/[\w-]+\.yml/g) ?? []);
  const shipped = ['pipelines', 'cli/init'].flatMap((folder) => readdirSync(path.join(projectRoot, folder)));
  // `nas init` writes the one that it calls first.yml.
  const missing = named.filter((file) => !shipped.includes(path.basename(file).replace('first.yml', 'pipeline.yml')));
  expect(missing).toEqual([]);
});

test('the reference is what schemas and commands say; else: npx tsx docs/reference.ts', async () => {
  for (const [name, text] of Object.entries(await referencePages()))
    expect(textOf(`docs/reference/${name}`)).toBe(text);
});

test('commands are found where they stand, and wrong ones are told', async () => {
  const text =
    'Say `nas list --state waiting`.\n\n```sh\nnpx nas strt x    # no\nNAS_HOME=x nas list --sate done\n```\n';
  expect(commandsIn(text)).toEqual(['strt x', 'list --sate done', 'list --state waiting']);
  expect((await Promise.all(commandsIn(text).map(wrongIn))).flat()).toEqual([
    'nas strt x: no verb strt',
    'nas list --sate done: no option --sate',
  ]);
  expect(anchorsOf('# What is `true` where?\n')).toEqual(['what-is-true-where']);
});
