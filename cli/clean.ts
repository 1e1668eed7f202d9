import path from 'node:path';
import { rm } from 'node:fs/promises';
import pc from 'picocolors';
import { Option } from 'commander';
import type { Command } from 'commander';
import { entriesOf } from '../artifacts/files.ts';
import { sizeOf } from '../artifacts/folder-leftovers.ts';
import { GRACE_MS } from '../artifacts/leftovers.ts';
import { resultsRoot, VERIFICATION } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import { spareIn } from '../artifacts/spare.ts';
import type { KnownRuns, Spare } from '../artifacts/spare.ts';
import { allRuns } from './list.ts';
import { jsonOption, output } from './options.ts';
import { columns } from './view/format.ts';
import { bytes as size } from '../report/format.ts';
import { cacheFolder } from '../runtime/layout.ts';

export function define(command: Command): void {
  command.addOption(new Option('--yes', 'free it; without this it is only told')).addOption(jsonOption()).action(clean);
}

/** Tells what takes how much room in the store though no result needs it, and frees it where that is asked. */
async function clean({ yes, json }: { yes?: true; json?: true }): Promise<void> {
  const store = openStore(resultsRoot());
  const { runs, missing } = await allRuns();
  if (missing !== null && json !== true) {
    process.stderr.write(
      `note: checkpoints and epochs that nobody chose are kept, since nobody knows which runs are over: ${missing}\n`,
    );
  }
  const inState = (...states: readonly string[]): ReadonlySet<string> =>
    new Set(runs.filter(({ state }) => states.includes(state)).map(({ id }) => id));
  // What no server knows any more may go on at another one: of such a run only checkpoints are spare.
  const known: KnownRuns = {
    done: inState('done'),
    open: missing === null ? inState('running', 'waiting', 'paused') : null,
  };
  const spare = [...(await spareIn(store, known)), ...(await verificationsHere())];
  if (yes === true) for (const { free } of spare) await free();
  const told = spare.map(({ what, of, bytes }) => ({ what, of, bytes }));
  const bytes = spare.reduce((sum, one) => sum + one.bytes, 0);
  output(json, { results: store.root, freed: yes === true, bytes, spare: told }, () => {
    if (spare.length === 0) return 'nothing takes room that no result needs';
    const rows = spare.map((one) => [one.what, one.of, size(one.bytes)]);
    const end = yes === true ? `${size(bytes)} freed` : `${size(bytes)} in all; \`nas clean --yes\` frees them`;
    return [...columns([['what', 'of', 'size'].map((title) => pc.dim(title)), ...rows]), '', end].join('\n');
  });
}

/** What `nas verify-resume` has left on this machine: it was broken off, or its two sides differed. */
async function verificationsHere(): Promise<Spare[]> {
  const names = (await entriesOf(cacheFolder())).filter((name) => name.startsWith(VERIFICATION));
  const all = await Promise.all(
    names.map(async (name) => {
      const folder = path.join(cacheFolder(), name);
      const { bytes, changed } = await sizeOf(folder);
      const free = async (): Promise<void> => await rm(folder, { recursive: true, force: true });
      return changed < Date.now() - GRACE_MS ? [{ what: 'verification', of: folder, bytes, free }] : [];
    }),
  );
  return all.flat();
}
