import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { isS3 } from '../../artifacts/paths.ts';
import { openStore } from '../../artifacts/results.ts';
import type { ArtifactStore } from '../../artifacts/store.ts';
import type { ImageListConfig } from '../../configs/dataset-schema.ts';
import { ImageList } from '../../configs/dataset-schema.ts';
import { plainBatches, trainingBatches } from '../../nas/data/batches.ts';
import type { Dataset } from '../../nas/data/dataset.ts';
import { prepareImageNet } from '../../nas/data/imagenet/prepare.ts';
import { classNamesOf, openDataset } from '../../nas/data/open.ts';
import { writeShards } from '../../nas/data/shards/write.ts';
import { fingerprintOf } from '../../pipelines/fingerprint.ts';
import { smallConfig, writeImageFolder } from '../support/image-folder.ts';
import { endGateway, implementations } from '../support/stores.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

afterAll(endGateway);

const CLASSES = 3;
/** A few pictures a shard. */
const SHARD_BYTES = 20_000;

/** A data set of pictures in a folder. */
async function inFolder(): Promise<ImageListConfig> {
  const root = temporaryFolder();
  await writeImageFolder(root, { classes: CLASSES, train: 10, val: 6 });
  const { place } = await prepareImageNet({
    root,
    lists: null,
    labels: null,
    classNames: null,
    out: root,
    sizes: { calibration: 6, selection: 6, groundTruth: 6 },
    seed: 0,
    look: 'header',
    skipBroken: false,
    onProgress: () => undefined,
  });
  return smallConfig(root, CLASSES, place.parts);
}

/** The same as a machine sees it that has none of its files, and nothing in its cache. */
async function inShards(config: ImageListConfig, store: ArtifactStore): Promise<ImageListConfig> {
  const sha256 = await writeShards(config, store, undefined, SHARD_BYTES);
  vi.stubEnv('NAS_CACHE', temporaryFolder());
  onTestFinished(() => void vi.unstubAllEnvs());
  return ImageList.parse({ ...config, root: '/nowhere', shards: { at: store.root, sha256 } });
}

/** What a training is given in an epoch, begun in its middle too, and what subnets are tested on. */
async function digestOf(dataset: Dataset): Promise<string> {
  const hash = createHash('sha256');
  const order = { seed: 3, epoch: 2, batchSize: 5, augment: true, dropLast: false };
  const batches = [
    trainingBatches(dataset, dataset.part('training'), { ...order, from: 0 }),
    trainingBatches(dataset, dataset.part('ground-truth-training'), { ...order, from: 2 }),
    plainBatches(dataset, dataset.part('calibration'), { batchSize: 4 }),
    plainBatches(dataset, dataset.part('test'), { batchSize: 4 }),
  ];
  for (const some of batches) {
    for await (const { images, labels, indices } of some) hash.update(images).update(labels).update(indices);
  }
  return hash.digest('hex');
}

describe.each(implementations)('in %s', (_, open) => {
  test('a training gets the same images in the same order, bit for bit, as from the files', async () => {
    const config = await inFolder();
    const expected = { digest: await digestOf(await openDataset(config)), names: await classNamesOf(config) };
    const sharded = await inShards(config, await open());
    rmSync(config.root, { recursive: true });
    const dataset = await openDataset(sharded);
    expect({ digest: await digestOf(dataset), names: await classNamesOf(sharded) }).toEqual(expected);
    const { shards: __, ...without } = sharded;
    expect(fingerprintOf('train-supernet', { dataset: sharded })).toBe(
      fingerprintOf('train-supernet', { dataset: without }),
    );
  });

  test('other tools read them: members of a shard with the same key are an image and its class', async () => {
    const config = await inFolder();
    const store = await open();
    const { shards } = await inShards(config, store);
    const index = JSON.parse(readFileSync(await store.fetch({ file: 'index.json', sha256: shards!.sha256 }), 'utf8'));
    const [{ file: list, shards: tars }] = index.lists;
    expect(tars.length).toBeGreaterThan(1);
    const places = await Promise.all(tars.map(async (tar: { file: string; sha256: string }) => await store.fetch(tar)));
    const { status, stdout, stderr } = spawnSync('python3', ['-c', READER, ...places], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = readFileSync(path.join(config.root, list), 'utf8').trimEnd().split('\n');
    const expected = lines.map((line, at) => {
      const [image = '', label] = line.split(' ');
      const hash = createHash('sha256')
        .update(readFileSync(path.join(config.root, image)))
        .digest('hex');
      return `${String(at).padStart(8, '0')} jpeg ${hash} ${label}`;
    });
    expect(stdout.trimEnd().split('\n')).toEqual(expected);
  });

  test('a place that has a data set is left as it is, and another index than the named one is refused', async () => {
    const config = await inFolder();
    const store = await open();
    const sharded = await inShards(config, store);
    await expect(writeShards(config, store)).rejects.toThrow(
      /expected a place without a data set, got one with index\.json/,
    );
    const other = { ...sharded, shards: { ...sharded.shards!, sha256: '0'.repeat(64) } };
    await expect(openDataset(other)).rejects.toThrow(/index\.json: expected sha256 0000/);
    const parts = { ...sharded.parts, test: { ...sharded.parts.test, sha256: '1'.repeat(64) } };
    await expect(openDataset({ ...sharded, parts })).rejects.toThrow(/expected shards of valid\.txt with sha256 1111/);
    if (!isS3(store.root)) return;
    vi.stubEnv('NAS_CACHE_GB', '0.00001');
    await expect(openDataset(sharded)).rejects.toThrow(
      /NAS_CACHE_GB: expected at least 1, for the shards in s3:.*; raise it/,
    );
  });

  test('a shard with other bytes than the index names is never trained on', async () => {
    const config = await inFolder();
    const store = await open();
    const sharded = await inShards(config, store);
    const tar = path.join(temporaryFolder(), 'train_rest-000000.tar');
    const known = await openStore(store.root).fetch({ file: 'index.json', sha256: sharded.shards!.sha256 });
    const [{ shards }] = JSON.parse(readFileSync(known, 'utf8')).lists;
    spawnSync('dd', ['if=/dev/zero', `of=${tar}`, `bs=${shards[0].bytes}`, 'count=1']);
    const cache = temporaryFolder();
    vi.stubEnv('NAS_CACHE', cache);
    await store.publish({ file: shards[0].file, sha256: sha256Of(readFileSync(tar)) }, tar);
    const dataset = await openDataset(sharded);
    await expect(digestOf(dataset)).rejects.toThrow(/train_rest-000000\.tar: expected sha256 .*, got /);
    // Nothing is still on its way here.
    const here = readdirSync(cache, { recursive: true });
    await setTimeout(100);
    expect(readdirSync(cache, { recursive: true })).toEqual(here);
  });
});

test('the lists of a data set in shards have to be named by their hashes', () => {
  const { parts, ...config } = smallConfig('/nowhere', CLASSES, {});
  const shards = { at: '/somewhere', sha256: '0'.repeat(64) };
  expect(() => ImageList.parse({ ...config, parts, shards })).toThrow(/expected the sha256 of each list/);
});

test.each([
  's3://key:not-to-be-found@bucket/images',
  's3://key:not-to/be-found@bucket/images',
  's3://bucket/images?endpoint=https://key:not-to-be-found@host',
  's3://bucket/images?secret=not-to-be-found',
])('an address of shards with a secret is refused before it enters a plan, and not repeated', (at) => {
  const config = smallConfig('/nowhere', CLASSES, {});
  const parsed = ImageList.safeParse({ ...config, shards: { at, sha256: '0'.repeat(64) } });
  const said = JSON.stringify(parsed.error?.issues);
  expect(said).toMatch(/"message":"expected [^"]*; [^"]*","path":\["shards","at"\]/);
  expect(said).not.toMatch(/be-found/);
});

/** Groups members by their key, as WebDataset does: what comes before the first dot. */
const READER = `
import hashlib, itertools, sys, tarfile
for name in sys.argv[1:]:
    with tarfile.open(name) as tar:
        for key, members in itertools.groupby(tar, lambda member: member.name.split('.')[0]):
            sample = {member.name.split('.', 1)[1]: tar.extractfile(member).read() for member in members}
            (ending,) = set(sample) - {'cls'}
            print(key, ending, hashlib.sha256(sample[ending]).hexdigest(), sample['cls'].decode())
`;
