import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, test } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { allFilesOf } from '../../artifacts/manifest.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { S3Store } from '../../artifacts/s3/s3-store.ts';
import { spareIn } from '../../artifacts/spare.ts';
import type { Spare } from '../../artifacts/spare.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import type { ArtifactStore } from '../../artifacts/store.ts';
import { claim } from '../support/stage-claim.ts';
import { endGateway, filesBelow, implementations, isWhole } from '../support/stores.ts';

afterAll(endGateway);

/** All that a store holds looks as if it had lain there for two days. */
async function age(store: ArtifactStore): Promise<void> {
  const touched = spawnSync('find', [await filesBelow(store), '-exec', 'touch', '-d', '2 days ago', '{}', '+']);
  expect(touched.status).toBe(0);
}

interface Training {
  readonly run: string;
  readonly fingerprint?: string;
  readonly keep?: NonNullable<Manifest['origin']>['keep'];
  readonly config?: Manifest['config'];
  /** Names the bytes of its supernets: runs with the same have the same. */
  readonly bits?: string;
}

/** A trained stage with three epochs, of which the second was chosen, and a checkpoint. */
async function train(
  store: ArtifactStore,
  { run, keep, config = {}, bits = run, fingerprint }: Training,
): Promise<void> {
  const directory = `${run}/one-shot`;
  const token = { workflowId: run, runId: 'a1', stage: 'one-shot', round: 1, attempt: 1, scheduled: Date.now() };
  const origin = { pipeline: 'p.yml', params: {}, set: [], ...(keep === undefined ? {} : { keep }) };
  const stage = await HeldStage.claim(store, directory, token, {
    ...claim,
    config,
    origin,
    fingerprint: fingerprint ?? sha256Of(run),
  });
  const supernets = [0, 1, 2].map((epoch) => ({ file: `${directory}/0.5_${epoch}.bin`, content: `${bits} ${epoch}` }));
  const checkpoint = { file: `${directory}/checkpoints/2-0.bin`, content: `${run} state` };
  const scores = { top1: 0.5, top5: 0.9 };
  await stage.commit([...supernets, checkpoint], (found, stored) => ({
    ...found,
    epochs: [0, 1, 2].map((epoch) => {
      const { file, sha256, bytes } = stored[epoch]!;
      return {
        epoch,
        tau: 0.5,
        interval: null,
        file,
        sha256,
        bytes,
        loss: 1,
        min: scores,
        max: scores,
        groundTruth: [],
      };
    }),
    checkpoints: [{ epoch: 2, step: 0, file: checkpoint.file, sha256: stored[3]!.sha256 }],
  }));
  const { file, sha256 } = stage.manifest.epochs[1]!;
  const selection = { epoch: 1, tau: 0.5, by: 'rule' as const, who: 'rule', when: '2026-01-01T00:00:00Z', why: 'best' };
  await stage.end(
    { ending: 'done', phases: null },
    { state: 'done', selection, outputs: { selected: { file: file!, sha256: sha256! } } },
  );
}

const inWords = (spare: readonly Spare[]): string[] => spare.map(({ what, of }) => `${what}: ${of}`).toSorted();

describe.each(implementations)('in %s', (_, open) => {
  test('of runs that are over checkpoints and epochs that nobody chose are freed, of all others nothing', async () => {
    const store = await open();
    await train(store, { run: 'done' });
    await train(store, { run: 'open' });
    // Of a sub-pipeline.
    await train(store, { run: 'open.sub.1' });
    await train(store, { run: 'failed' });
    await train(store, { run: 'gone' });
    await train(store, { run: 'kept', keep: ['epochs', 'checkpoints'] });
    const runs = { done: new Set(['done', 'kept']), open: new Set(['open']) };
    const spare = await spareIn(store, runs);
    expect(inWords(spare)).toEqual([
      '2 epochs that nobody chose: done/one-shot',
      'checkpoints: done/one-shot',
      'checkpoints: failed/one-shot',
      'checkpoints: gone/one-shot',
    ]);
    expect(spare.map(({ bytes }) => bytes)).toEqual(
      ['done state', 'failed state', 'gone state', 'done 0done 2'].map((text) => text.length),
    );
    const before = await Promise.all(['open', 'kept'].map((run) => store.read(`${run}/one-shot`)));
    for (const { free } of spare) await free();
    expect(await spareIn(store, runs)).toEqual([]);
    expect(await Promise.all(['open', 'kept'].map((run) => store.read(`${run}/one-shot`)))).toEqual(before);
    const { epochs, checkpoints } = (await store.read('done/one-shot'))!;
    expect(epochs.map(({ file, tau }) => [file, tau])).toEqual([
      [null, 0.5],
      ['done/one-shot/0.5_1.bin', 0.5],
      [null, 0.5],
    ]);
    expect(checkpoints).toEqual([]);
    for (const run of ['done', 'open', 'failed', 'gone', 'kept'])
      expect(await isWhole(store, `${run}/one-shot`)).toBe(true);
    // Where nobody knows which runs are over, nothing of them is spare.
    await train(store, { run: 'another' });
    expect(await spareIn(store, { done: new Set(), open: null })).toEqual([]);
  });

  test('what another run names or was made of stays, though the run that made it frees it', async () => {
    const store = await open();
    await train(store, { run: 'done', bits: 'the same' });
    await train(store, { run: 'open', bits: 'the same' });
    const [first, , third] = (await store.read('done/one-shot'))!.epochs;
    const config = { inherit: { file: first!.file!, sha256: first!.sha256! } };
    await train(store, { run: 'heir', config });
    const spare = await spareIn(store, { done: new Set(['done']), open: new Set(['open', 'heir']) });
    expect(inWords(spare)).toEqual(['1 epoch that nobody chose: done/one-shot', 'checkpoints: done/one-shot']);
    for (const { free } of spare) await free();
    expect((await store.read('done/one-shot'))!.epochs.map(({ file }) => file === null)).toEqual([false, false, true]);
    await age(store);
    for (const { free } of await spareIn(store, { done: new Set(), open: new Set() })) await free();
    expect(await store.hashOf({ file: first!.file!, sha256: first!.sha256! })).toBe(first!.sha256);
    const theirs = (await store.read('open/one-shot'))!;
    expect(theirs.epochs.map(({ sha256 }) => sha256)).toContain(third!.sha256);
    expect(await isWhole(store, 'open/one-shot')).toBe(true);
  });

  test('what was set aside is freed, unless the pipeline keeps it', async () => {
    const store = await open();
    for (const fingerprint of ['1', '2'].map(sha256Of)) {
      await train(store, { run: 'open', fingerprint });
      await train(store, { run: 'kept', fingerprint, keep: ['set-aside'] });
    }
    const nothing = { done: new Set<string>(), open: new Set(['open', 'kept']) };
    const spare = await spareIn(store, nothing);
    expect(inWords(spare)).toEqual([expect.stringMatching(/^set aside: .*open\/one-shot\/older\//)]);
    for (const { free } of spare) await free();
    expect(await spareIn(store, nothing)).toEqual([]);
    expect(await isWhole(store, 'open/one-shot')).toBe(true);
  });

  test('files that no manifest names, and transfers that never ended, are freed when they are a day old', async () => {
    const store = await open();
    await train(store, { run: 'open' });
    await leaveBehind(store);
    const nothing = { done: new Set<string>(), open: new Set(['open']) };
    expect(await spareIn(store, nothing)).toEqual([]);
    await age(store);
    const spare = await spareIn(store, nothing);
    expect([...new Set(spare.map(({ what }) => what))].toSorted()).toEqual(
      store instanceof S3Store ? ['unnamed', 'upload', 'verification'] : ['unnamed'],
    );
    for (const { free } of spare) await free();
    expect(await spareIn(store, nothing)).toEqual([]);
    expect(await isWhole(store, 'open/one-shot')).toBe(true);
    if (!(store instanceof S3Store)) return;
    // Nothing is left but what the stage, its log and its manifest are.
    const named = allFilesOf((await store.read('open/one-shot'))!);
    const keys: string[] = [];
    for await (const { key } of store.bucket.list('')) keys.push(key);
    expect(keys.length).toBe(new Set(named.map(({ sha256 }) => sha256)).size + 2);
    expect(await store.bucket.uploads()).toEqual([]);
  });
});

/** What killed processes leave. */
async function leaveBehind(store: ArtifactStore): Promise<void> {
  await store.put('open/one-shot', { file: 'open/one-shot/never', content: 'never named' });
  if (!(store instanceof S3Store)) return;
  const { bucket } = store;
  await bucket.write(`files/${sha256Of('never named')}`, 'never named');
  await bucket.write(`runs/open/one-shot/checkpoints/9-9.bin.${sha256Of('x')}`, 'x');
  await bucket.write('runs/open/one-shot/trainer.log', 'said');
  await bucket.write('probe/0123', 'racer');
  await bucket.write('verify-resume-0123/straight/runs/kills/one-shot/manifest.json', '{}');
  const { sdk, client } = await bucket.connected();
  for (const key of ['files/begun', 'verify-resume-0123/killed/files/begun']) {
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(bucket.named(key)));
    await client.send(new sdk.UploadPartCommand({ ...bucket.named(key), UploadId, PartNumber: 1, Body: 'a part' }));
  }
}
