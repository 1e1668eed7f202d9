import path from 'node:path';
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openStore } from '../../artifacts/results.ts';
import { byHash, byName, decide, takeOver } from '../../artifacts/reuse.ts';
import type { Check, Wanted } from '../../artifacts/reuse.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import type { ArtifactStore } from '../../artifacts/store.ts';
import { claim, tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const wanted: Wanted = {
  uses: 'command',
  directory: 'new/stage',
  fingerprint: claim.fingerprint,
  reuse: 'anything',
  isReusable: true,
  here: {},
};

/** A stage that is done, with one file. */
async function finished(store: ArtifactStore, directory: string, environment = {}): Promise<void> {
  const stage = await HeldStage.claim(store, directory, tokenOf(), { ...claim, environment });
  await stage.put({ 'out.txt': 'made' });
  await stage.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
}

async function decision(store: ArtifactStore, changes: Partial<Wanted> = {}, check: Check = byHash()) {
  const made = await decide(store, { ...wanted, ...changes }, check);
  return made.to === 'take over' ? [made.to, made.from.directory] : [made.to];
}

test('work is kept where the stage itself has done it, taken over from another run, or else done', async () => {
  const store = openStore(temporaryFolder());
  expect(await decision(store)).toEqual(['work']);
  await finished(store, 'old/stage');
  expect(await decision(store)).toEqual(['take over', 'old/stage']);
  expect(await decision(store, { reuse: 'nothing' })).toEqual(['work']);
  expect(await decision(store, { isReusable: false })).toEqual(['work']);
  expect(await decision(store, { fingerprint: 'e'.repeat(64) })).toEqual(['work']);
  await finished(store, 'new/stage');
  for (const reuse of ['anything', 'nothing'] as const) expect(await decision(store, { reuse })).toEqual(['keep']);
});

test('another run is taken over as it is, whatever its fingerprint, or it is said what it lacks', async () => {
  const store = openStore(temporaryFolder());
  const asked = { reuse: { run: 'old' }, fingerprint: 'e'.repeat(64) };
  expect(await decide(store, { ...wanted, ...asked }, byName)).toEqual({
    to: 'refuse',
    why: 'expected a finished stage in old/stage, got none',
  });
  await finished(store, 'old/stage');
  expect(await decision(store, asked)).toEqual(['take over', 'old/stage']);
  expect(await decide(store, { ...wanted, ...asked, uses: 'report' }, byName)).toMatchObject({
    why: 'expected a finished stage in old/stage, got a stage of kind command',
  });
});

test('of damaged work nothing is taken: by its hash, or as far as its name tells', async () => {
  const store = openStore(temporaryFolder());
  await finished(store, 'old/stage');
  const file = path.join(store.root, 'old/stage/out.txt');
  writeFileSync(file, 'other');
  expect(await decision(store)).toEqual(['work']);
  expect(await decision(store, {}, byName)).toEqual(['take over', 'old/stage']);
  rmSync(file);
  expect(await decision(store, {}, byName)).toEqual(['work']);
});

test('work that was done with another library, device or processor is the same work, and the reason says so', async () => {
  const store = openStore(temporaryFolder());
  await finished(store, 'old/stage', { node: 'v1', tensorflow: '2.20.0', instructions: 'AVX512_CORE', device: 'cpu' });
  const here = { node: 'v2', platform: 'linux x64', instructions: 'AVX2', device: 'cpu' };
  const found = await decide(store, { ...wanted, here }, byHash());
  expect(found).toMatchObject({
    why: 'reused from old/stage, because inputs, config and code are the same; it was made with instructions AVX512_CORE, here AVX2',
  });
});

test('what computes changes between two attempts: a notice says so where work is gone on from, once', async () => {
  const store = openStore(temporaryFolder());
  const directory = 'run/stage';
  const first = await HeldStage.claim(store, directory, tokenOf(), claim);
  await first.computesWith({ instructions: 'AVX512_CORE', threads: 2 });
  await first.computesWith({ instructions: 'AVX2', threads: 2 });
  expect(first.manifest.notices).toEqual([]);
  await first.commit([{ file: `${directory}/chunks/0-1.json`, content: '[]' }], (manifest, [saved]) => ({
    ...manifest,
    chunks: [{ from: 0, to: 1, file: saved!.file, sha256: saved!.sha256 }],
  }));
  const second = await HeldStage.claim(store, directory, tokenOf({ attempt: 2 }), claim);
  for (let time = 0; time < 2; time++)
    await second.computesWith({ node: 'v2', instructions: 'AVX512_CORE', threads: 4 });
  expect(second.manifest.notices).toEqual([
    'went on where instructions was AVX2 and is AVX512_CORE, threads was 2 and is 4: the rest may have other bits than without the change',
  ]);
});

test('of several runs with the work, the latest that did it itself is taken, and never the same run', async () => {
  const store = openStore(temporaryFolder());
  await finished(store, 'new/other');
  await store.remember(claim.fingerprint, 'new/other');
  expect(await decision(store)).toEqual(['work']);
  for (const run of ['first', 'second', 'third']) {
    await sleep(5);
    await finished(store, `${run}/stage`);
  }
  expect(await decision(store)).toEqual(['take over', 'third/stage']);
  // A later one that only took it over.
  await sleep(5);
  const late = await HeldStage.claim(store, 'late/stage', tokenOf(), claim);
  const from = { directory: 'first/stage', manifest: (await store.read('first/stage'))! };
  await takeOver(late, from, 'as asked');
  await late.end({ ending: 'reused', phases: null });
  await store.remember(claim.fingerprint, 'late/stage');
  expect(await decision(store)).toEqual(['take over', 'third/stage']);
});
