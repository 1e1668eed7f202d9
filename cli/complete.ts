import { Command } from 'commander';
import { readdirSync } from 'node:fs';
import { catalogue, runOf } from '../artifacts/catalogue.ts';
import { checkRunId, isS3, resultsRoot } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import type { Verbs } from './main.ts';

/** The words that may stand last, one a line; none where a file may. What a shell asks while somebody types, so no server is asked. */
export async function complete(verbs: Verbs, words: readonly string[]): Promise<string[]> {
  const [verb = '', ...rest] = words;
  if (rest.length === 0) return Object.keys(verbs);
  const entry = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (entry === undefined) return [];
  const command = new Command(verb);
  (await entry[1]()).define(command);
  return await completeIn(command, rest);
}

async function completeIn(command: Command, words: readonly string[]): Promise<string[]> {
  const [first = ''] = words;
  const inner = command.commands.find((one) => one.name() === first);
  if (inner !== undefined && words.length > 1) return await completeIn(inner, words.slice(1));
  const last = words.at(-1) ?? '';
  const before = words.at(-2);
  const option = command.options.find(
    ({ long, short }) => before !== undefined && (before === long || before === short),
  );
  if (option !== undefined && !option.isBoolean()) return option.argChoices ?? [];
  if (last.startsWith('-')) return [...command.options.flatMap(({ long }) => long ?? []), '--help'];
  const given = words.slice(0, -1).filter((word) => !word.startsWith('-'));
  const names = command.commands.map((one) => one.name());
  const all = command.registeredArguments;
  const argument = all[given.length] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined);
  if (argument === undefined) return names;
  if (argument.argChoices !== undefined) return argument.argChoices;
  if (argument.name() === 'run') return await runIds();
  return argument.name() === 'stage' ? await stagesOf(given[0] ?? '') : names;
}

async function runIds(): Promise<string[]> {
  if (isS3(resultsRoot())) return [...new Set((await openStore(resultsRoot()).stages()).map(runOf))];
  try {
    const entries = readdirSync(resultsRoot(), { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : []));
  } catch {
    // No run has been started here.
    return [];
  }
}

async function stagesOf(run: string): Promise<string[]> {
  return (await catalogue(resultsRoot(), checkRunId(run))).map(({ manifest }) => manifest.stage);
}
