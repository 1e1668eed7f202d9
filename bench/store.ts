import { fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { median } from './runner.ts';
import { sha256Of } from '../artifacts/files.ts';
import { FolderStore } from '../artifacts/folder-store.ts';
import { openStoreAside } from '../artifacts/results.ts';
import { S3Store } from '../artifacts/s3/s3-store.ts';
import { HeldStage } from '../artifacts/stage.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import { freePort } from '../runtime/free-port.ts';
import { Gateway, keys } from '../test/support/gateway.ts';
import { claim, directory, tokenOf } from '../test/support/stage-claim.ts';

// npm run bench:store [-- --json]: what a bucket costs, measured against a gateway on this machine (NAS_TEST_S3 names it;
// npm run test:s3 builds one). Rates are ratios of runs that take turns.

const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
Object.assign(process.env, keys);
const folder = mkdtempSync(path.join(tmpdir(), 'bench-store-'));
process.env['NAS_CACHE'] = path.join(folder, 'cache');
const gateway = await Gateway.start();
let stores = 0;

/** Opens a store that has nothing here yet. */
function elsewhere(root: string): S3Store {
  process.env['NAS_CACHE'] = path.join(folder, `cache-${++stores}`);
  return new S3Store(root);
}

async function seconds(body: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await body();
  return (performance.now() - began) / 1000;
}

type Rate = 'up' | 'down' | 'upRate' | 'downRate';

/** 200 MB up and down, by the store (written here, hashed, sent; fetched, hashed, kept) and by the SDK alone. */
async function transfers(): Promise<Record<string, number>> {
  const rounds: Record<Rate, number>[] = [];
  for (let round = 0; round < 5; round++) {
    const content = randomBytes(200e6);
    const file = path.join(folder, 'large');
    writeFileSync(file, content);
    const root = gateway.root(`transfers-${round}`);
    const here = elsewhere(root);
    const stage = await HeldStage.claim(here, directory, tokenOf(), claim);
    const { sdk, client } = await here.bucket.connected();
    const bare = here.bucket.named('bare');
    const bareUp = await seconds(() => client.send(new sdk.PutObjectCommand({ ...bare, Body: readFileSync(file) })));
    const stored = await here.put(directory, { file: `${directory}/large`, content });
    const up = await seconds(() =>
      here.swap(
        directory,
        stage.manifest,
        { ...stage.manifest, files: [{ file: stored.file, sha256: stored.sha256 }] },
        [stored],
      ),
    );
    const bareDown = await seconds(async () => {
      const { Body } = await client.send(new sdk.GetObjectCommand(bare));
      writeFileSync(file, (await Body?.transformToByteArray()) ?? '');
    });
    const other = elsewhere(root);
    const down = await seconds(() => other.fetch(stored));
    rounds.push({ up: bareUp / up, down: bareDown / down, upRate: 200 / up, downRate: 200 / down });
    await here.bucket.remove(['bare', `files/${stored.sha256}`]);
  }
  const of = (name: Rate): number => median(rounds.map((round) => round[name]));
  return { upToBare: of('up'), downToBare: of('down'), upMBs: of('upRate'), downMBs: of('downRate') };
}

/** "Is this done already?" for 10,000 stages, in a store that knows 10,000 others. */
async function lookups(store: ArtifactStore): Promise<number> {
  const fingerprints = Array.from({ length: 10_000 }, (_, at) => sha256Of(`${at}`));
  const inGroups = async (body: (fingerprint: string) => Promise<unknown>): Promise<void> => {
    for (let at = 0; at < fingerprints.length; at += 64) await Promise.all(fingerprints.slice(at, at + 64).map(body));
  };
  await inGroups((fingerprint) => store.remember(fingerprint, `run/${fingerprint.slice(0, 8)}`));
  return await seconds(async () => {
    const found = await store.recall(fingerprints);
    if (found.some(({ length }) => length !== 1)) throw new Error('expected one stage for each fingerprint');
  });
}

/** A quarter of a second of an idle core. It is work and no span of time, so a busy machine slows it as it slows the saving. */
const STEP_BYTES = 350e6;
const CHECKPOINT_BYTES = 100e6;

/** The share for one store; it counts the writing of the checkpoint to this machine's disk too. */
async function share(store: ArtifactStore, isLate: boolean): Promise<number> {
  const stage = await HeldStage.take(store, directory, tokenOf(), { isLate });
  const block = Buffer.alloc(1e6, 1);
  let stopped = 0;
  const began = performance.now();
  for (let step = 0; step < 240; step++) {
    const work = createHash('sha256');
    for (let done = 0; done < STEP_BYTES; done += block.length) work.update(block);
    await nextTurn();
    if (step % 80 !== 79) continue;
    const file = `${directory}/checkpoints/0-${step}.safetensors`;
    const write = (to: string): object => {
      const content = Buffer.alloc(CHECKPOINT_BYTES, step);
      writeFileSync(to, content);
      return { sha256: sha256Of(content) };
    };
    stopped += await seconds(() =>
      stage.commit([{ file, write }], (manifest, [saved]) => ({
        ...manifest,
        checkpoints: [...manifest.checkpoints, { epoch: 0, step, file, sha256: saved!.sha256 }].slice(-2),
      })),
    );
  }
  const all = (performance.now() - began) / 1000;
  await stage.flush();
  return stopped / all;
}

/**
 * The share of its time for which a training stands still for its checkpoints: steps that hold the thread, as TensorFlow's
 * do, and a checkpoint every 20 s, to a gateway that takes 20 MB/s.
 */
async function stoppedShare(): Promise<Record<string, number>> {
  const port = await freePort('127.0.0.1');
  const proxy = fork(path.join(import.meta.dirname, 'slow-proxy.ts'), [gateway.port, port, 20e6].map(String), {
    execArgv: ['--import', 'tsx'],
  });
  await once(proxy, 'message');
  const root = gateway.root('training', port);
  process.env['NAS_CACHE'] = path.join(folder, 'training');
  await HeldStage.claim(new S3Store(root), directory, tokenOf(), claim);
  const inFolder = new FolderStore(path.join(folder, 'results'));
  await HeldStage.claim(inFolder, directory, tokenOf(), claim);
  return { inBucket: await share(openStoreAside(root), true), inFolder: await share(inFolder, false) };
}

const measured = {
  processor: cpus()[0]?.model ?? 'unknown',
  transfer: await transfers(),
  lookupSeconds: {
    folder: await lookups(new FolderStore(path.join(folder, 'lookups'))),
    bucket: await lookups(elsewhere(gateway.root('lookups'))),
  },
  stoppedShare: await stoppedShare(),
};
const lines = Object.entries(measured).map(([name, found]) => {
  const values = typeof found === 'string' ? [found] : Object.entries(found).map((pair) => pair.join(' '));
  return `${name}: ${values.join(', ')}`;
});
process.stdout.write(`${options.json ? JSON.stringify(measured, null, 2) : lines.join('\n')}\n`);
await gateway.remove();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
