import path from 'node:path';
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { filesOf } from '../../artifacts/manifest.ts';
import { openStore } from '../../artifacts/results.ts';
import { byHash, decide, takeOver } from '../../artifacts/reuse.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import type { ArtifactStore } from '../../artifacts/store.ts';
import { lineageOf, lineageTree } from '../../cli/lineage.ts';
import { claim, tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Results that release 0.1.0 wrote: a supernet of one epoch that is done, and one that was killed with two checkpoints.
const recorded = path.resolve('test/fixtures/release-0.1.0');

function opened(): ArtifactStore {
  const root = temporaryFolder();
  cpSync(recorded, root, { recursive: true });
  return openStore(root);
}

test('a finished stage is found by its fingerprint, checked by its hashes and explained', async () => {
  const store = opened();
  const manifest = (await store.read('old/one-shot'))!;
  expect(manifest).toMatchObject({ version: 2, sequence: 0, state: 'done', selection: { epoch: 0 }, notices: [] });
  expect(await store.recall([manifest.fingerprint])).toEqual([['old/one-shot']]);
  for (const file of filesOf(manifest)) expect(await store.hashOf(file)).toBe(file.sha256);
  const tree = stripVTControlCharacters(lineageTree(await lineageOf(store.root, 'old/one-shot')));
  expect(tree).toMatch(/✓ old\/one-shot\/0\.8944_0\.safetensors .*\n +made by old\/one-shot \(train-supernet\)/);
});

test('a new run takes over what it has finished, metrics included', async () => {
  const store = opened();
  const { fingerprint } = (await store.read('old/one-shot'))!;
  const wanted = { uses: 'train-supernet', directory: 'new/one-shot', fingerprint, isReusable: true, here: {} };
  const decision = await decide(store, { ...wanted, reuse: 'anything' }, byHash());
  if (decision.to !== 'take over') throw new Error(`expected it to be taken over, got ${decision.to}`);
  const stage = await HeldStage.claim(store, 'new/one-shot', tokenOf(), { ...claim, fingerprint });
  await takeOver(stage, decision.from, decision.why);
  expect(await store.read('new/one-shot')).toMatchObject({
    state: 'done',
    epochs: [{ file: 'new/one-shot/0.8944_0.safetensors' }],
    outputs: { selected: { file: 'new/one-shot/0.8944_0.safetensors' } },
    reused: { from: 'old/one-shot' },
  });
  const files = readdirSync(path.join(store.root, 'new/one-shot')).filter((name) => /^[a-z0-9]/.test(name));
  expect(files.toSorted()).toEqual([
    '0.8944_0.safetensors',
    'log.jsonl',
    'manifest.1.json',
    'manifest.2.json',
    'tensorboard',
  ]);
});

test('a stage that was under way goes on at its last checkpoint, and what it holds from then on is of this release', async () => {
  const store = opened();
  const before = (await store.read('old/two'))!;
  const next = tokenOf({ runId: 'b', runStarted: 1, scheduled: 1 });
  const stage = await HeldStage.claim(store, 'old/two', next, { ...claim, fingerprint: before.fingerprint });
  expect(stage.manifest.checkpoints).toEqual(before.checkpoints);
  expect(stage.manifest.checkpoints.map(({ step }) => step)).toEqual([2, 4]);
  expect(stage.manifest.attempts).toHaveLength(2);
  await store.fetch(stage.manifest.checkpoints[1]!);
  const files = readdirSync(path.join(store.root, 'old/two'));
  expect(files.filter((name) => name.startsWith('manifest'))).toEqual(['manifest.1.json']);
  // Its own attempts come no more before it.
  const late = { workflowId: 'old', runId: '7f3c0d52-0000-4000-8000-000000000001', stage: 'two', round: 1, attempt: 9 };
  await expect(HeldStage.claim(store, 'old/two', late, { ...claim, fingerprint: before.fingerprint })).rejects.toThrow(
    'this attempt ends here',
  );
});

test('a stage whose config has changed since is set aside', async () => {
  const store = opened();
  await HeldStage.claim(store, 'old/one-shot', tokenOf({ runStarted: 1, scheduled: 1 }), claim);
  const older = path.join(store.root, 'old/one-shot/older');
  const [aside = ''] = readdirSync(older);
  expect(existsSync(path.join(older, aside, '0.8944_0.safetensors'))).toBe(true);
  expect(existsSync(path.join(older, aside, 'manifest.json'))).toBe(true);
});
