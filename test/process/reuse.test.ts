import path from 'node:path';
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openStore } from '../../artifacts/results.ts';
import { byHash, byName, choicesOf, damageOf, decide, selectedOf, takeOver } from '../../artifacts/reuse.ts';
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
  // Neither the first nor the last by its name.
  for (const run of ['third', 'first', 'second']) {
    await sleep(5);
    await finished(store, `${run}/stage`);
  }
  expect(await decision(store)).toEqual(['take over', 'second/stage']);
  // A later one that only took it over.
  await sleep(5);
  const late = await HeldStage.claim(store, 'late/stage', tokenOf(), claim);
  const from = { directory: 'first/stage', manifest: (await store.read('first/stage'))! };
  await takeOver(late, from, 'as asked');
  await late.end({ ending: 'reused', phases: null });
  await store.remember(claim.fingerprint, 'late/stage');
  expect(await decision(store)).toEqual(['take over', 'second/stage']);
});

test('work under way is gone on with where its config is the same, or its stage says that it may be', async () => {
  const store = openStore(temporaryFolder());
  await HeldStage.claim(store, wanted.directory, tokenOf(), claim);
  expect(await decide(store, wanted, byHash())).toMatchObject({ to: 'work', before: { state: 'running' } });
  const other = { ...wanted, fingerprint: 'e'.repeat(64) };
  expect(await decide(store, other, byHash())).toEqual({ to: 'work', before: null });
  const asked: string[] = [];
  const goesOn = (found: { fingerprint: string }): string => {
    asked.push(found.fingerprint);
    return 'more epochs';
  };
  expect(await decide(store, { ...other, goesOn }, byHash())).toMatchObject({
    to: 'work',
    before: { state: 'running' },
  });
  expect(asked).toEqual([claim.fingerprint]);
  expect(await decide(store, { ...other, goesOn: () => null }, byHash())).toEqual({ to: 'work', before: null });
  // What was begun as something else is nobody else's work.
  const stage = await HeldStage.claim(store, 'mixed/stage', tokenOf(), { ...claim, fingerprint: 'e'.repeat(64) });
  await stage.end({ ending: 'done', phases: null }, { state: 'done', outputs: {}, begunAs: claim.fingerprint });
  await store.remember(other.fingerprint, 'mixed/stage');
  expect((await decide(store, { ...other, directory: 'third/stage' }, byHash())).to).toBe('work');
});

test('what the index names may be gone, or be something else by now; it is not asked where its answer is known', async () => {
  const store = openStore(temporaryFolder());
  await finished(store, 'old/stage');
  for (const directory of ['gone/stage', 'other/stage']) await store.remember(claim.fingerprint, directory);
  const other = await HeldStage.claim(store, 'other/stage', tokenOf(), { ...claim, fingerprint: 'e'.repeat(64) });
  await other.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
  expect(await decision(store)).toEqual(['take over', 'old/stage']);
  expect((await decide(store, wanted, byHash(), [])).to).toBe('work');
});

test('what is wrong with a file is said by its name', async () => {
  const store = openStore(temporaryFolder());
  await finished(store, 'old/stage');
  const manifest = (await store.read('old/stage'))!;
  expect([await damageOf(store, manifest, byHash()), await damageOf(store, manifest, byName)]).toEqual([null, null]);
  const file = path.join(store.root, 'old/stage/out.txt');
  writeFileSync(file, 'other');
  expect(await damageOf(store, manifest, byHash())).toBe('other bytes in old/stage/out.txt');
  expect(await decide(store, { ...wanted, reuse: { run: 'old' } }, byHash())).toEqual({
    to: 'refuse',
    why: 'expected a finished stage in old/stage, got other bytes in old/stage/out.txt',
  });
  rmSync(file);
  for (const check of [byHash(), byName]) {
    expect(await damageOf(store, manifest, check)).toBe('no file old/stage/out.txt');
  }
});

/** A stage that has trained three epochs; the supernet of the third was not kept. */
async function trained(store: ArtifactStore, directory: string, config = {}): Promise<HeldStage> {
  const stage = await HeldStage.claim(store, directory, tokenOf(), { ...claim, config });
  const files = [0, 1].map((epoch) => ({ file: `${directory}/${epoch}.bin`, content: `supernet ${epoch}` }));
  const [min, max] = [
    { top1: 0, top5: 0 },
    { top1: 1, top5: 1 },
  ];
  await stage.commit(files, (found, stored) => ({
    ...found,
    epochs: [0, 1, 2].map((epoch) => {
      const { file = null, sha256 = null, bytes = null } = stored[epoch] ?? {};
      return { epoch, file, sha256, bytes, tau: epoch / 10, interval: null, loss: 1, min, max, groundTruth: [] };
    }),
  }));
  await stage.end({ ending: 'done', phases: null }, { state: 'done' });
  return stage;
}

test('epochs can be chosen whose supernet is there; one is enough for the stage not to be trained again', async () => {
  const store = openStore(temporaryFolder());
  const { manifest } = await trained(store, wanted.directory, { groups: 3 });
  expect(await choicesOf(store, manifest)).toEqual([
    { epoch: 0, tau: 0, interval: null },
    { epoch: 1, tau: 0.1, interval: null },
  ]);
  const [, one] = manifest.epochs;
  expect(selectedOf(manifest, 1)).toEqual({ file: one!.file, sha256: one!.sha256, epoch: 1, tau: 0.1, groups: 3 });
  expect([selectedOf(manifest, 2), selectedOf(manifest, 3)]).toEqual([null, null]);
  expect(selectedOf({ ...manifest, config: {} }, 1)?.groups).toBe(1);
  rmSync(path.join(store.root, one!.file!));
  expect(await decision(store)).toEqual(['keep']);
  rmSync(path.join(store.root, manifest.epochs[0]!.file!));
  expect(await decision(store)).toEqual(['work']);
});

test('what is taken over has names of its own everywhere, and comes without metrics that are gone', async () => {
  const store = openStore(temporaryFolder());
  const theirs = await trained(store, 'old/stage');
  await theirs.put({ 'log.jsonl': '{}', 'gone.jsonl': '{}' }, 'extras');
  const copyOf = theirs.manifest.extras[0]!;
  await theirs.commit([{ file: 'old/also.jsonl', copyOf }], (found, [copy]) => ({
    ...found,
    extras: [...found.extras, { file: copy!.file, sha256: copy!.sha256 }],
  }));
  rmSync(path.join(store.root, 'old/stage/gone.jsonl'));
  const file = theirs.manifest.epochs[0]!.file!;
  const outputs = { selected: { file, all: [file, 7, null], of: 'old/stage' } };
  const manifest = await theirs.change((found) => ({ ...found, outputs, notices: ['by hand'] }));
  const ours = await HeldStage.claim(store, 'new/stage', tokenOf(), claim);
  await takeOver(ours, { directory: 'old/stage', manifest }, 'as asked');
  expect(ours.manifest).toMatchObject({
    state: 'done',
    outputs: { selected: { file: 'new/stage/0.bin', all: ['new/stage/0.bin', 7, null], of: 'old/stage' } },
    notices: ['by hand'],
    reused: { from: 'old/stage', why: 'as asked' },
  });
  expect(ours.manifest.epochs.map((one) => one.file)).toEqual(['new/stage/0.bin', 'new/stage/1.bin', null]);
  expect(ours.manifest.extras.map((one) => one.file)).toEqual(['new/stage/log.jsonl']);
  rmSync(path.join(store.root, 'old'), { recursive: true });
  expect(await damageOf(store, ours.manifest, byHash())).toBeNull();
  // Kept again, it is for the reason that it was taken over for.
  expect(await decide(store, wanted, byHash())).toMatchObject({ to: 'keep', why: 'as asked' });
});

test('results that lie elsewhere than in the folder of their stage are not taken over', async () => {
  const store = openStore(temporaryFolder());
  await finished(store, 'old/stage');
  const from = { directory: 'old/sta', manifest: (await store.read('old/stage'))! };
  const ours = await HeldStage.claim(store, 'new/stage', tokenOf(), claim);
  await expect(takeOver(ours, from, 'as asked')).rejects.toThrow(
    'old/sta: expected results in its own folder, got old/stage/out.txt, as release 0.1.0 made them; start from an earlier stage',
  );
});
