import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { rootBelow } from '../../artifacts/paths.ts';
import { openStoreAside, removeStore } from '../../artifacts/results.ts';
import { Bucket } from '../../artifacts/s3/bucket.ts';
import { parseS3Address } from '../../artifacts/s3/address.ts';
import { S3Store } from '../../artifacts/s3/s3-store.ts';
import { upload } from '../../artifacts/s3/transfer.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { breakingProxy, gatewayOfFile, lossyProxy } from '../support/gateway.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { noted } from '../support/stores.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { programFile } from '../../runtime/layout.ts';

const gateway = await gatewayOfFile();

let prefixes = 0;
function root(port?: number): string {
  return gateway.root(`test-${++prefixes}`, port);
}

/** Opens the store as a machine does that has nothing of it yet. */
function elsewhere(of: string): S3Store {
  process.env['NAS_CACHE'] = temporaryFolder();
  return new S3Store(of);
}

async function keysOf(store: S3Store, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.bucket.list(prefix)) found.push(key);
  return found;
}

test('a bucket is tried out, and leaves nothing of the trial', async () => {
  const store = elsewhere(root());
  await store.probe();
  expect(await keysOf(store)).toEqual([]);
});

test('a store that ignores conditions is refused with what to do', async () => {
  const server = createServer((asked, answer) => {
    asked.resume().on('end', () => {
      if (asked.method === 'DELETE') answer.writeHead(204).end();
      else if (asked.method === 'GET' && asked.url?.includes('list-type') === true) answer.end('<ListBucketResult/>');
      else answer.setHeader('ETag', '"1"').end();
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  await expect(elsewhere(root(port)).probe()).rejects.toThrow(
    /s3:\/\/results: expected a store that lets one of many writers create an object .*; take one that docs\/store\.md names, or a folder/,
  );
});

test.each([
  ['a wrong key', { AWS_ACCESS_KEY_ID: 'nobody' }, 'results', /expected to be let in, got 40\d .*; /],
  [
    'a wrong secret',
    { AWS_SECRET_ACCESS_KEY: 'wrong' },
    'results',
    /expected to be let in, got 403 .*; correct the keys/,
  ],
  ['no bucket', {}, 'no-such-bucket', /expected to be let in, got 404 NoSuchBucket; make the bucket first/],
])('%s is bad input, told at once', async (_, environment, bucket, says) => {
  const before = { ...process.env };
  onTestFinished(() => void Object.assign(process.env, before));
  Object.assign(process.env, environment);
  const store = elsewhere(root().replace('results', bucket));
  await expect(store.probe()).rejects.toThrow(says);
  await expect(store.probe()).rejects.toMatchObject({ ending: 'BadInput' });
});

test('what is committed here is read elsewhere, byte for byte, and other bytes are refused', async () => {
  const name = root();
  const stage = await HeldStage.claim(elsewhere(name), directory, tokenOf(), claim);
  const { 'a.csv': file } = await stage.put({ 'a.csv': 'a,b\n' });
  const other = elsewhere(name);
  expect(readFileSync(await other.fetch(file), 'utf8')).toBe('a,b\n');
  expect(await other.has(file)).toBe(true);
  const third = elsewhere(name);
  await third.bucket.write(`files/${file.sha256}`, 'a,c\n');
  await expect(third.fetch(file)).rejects.toThrow(`a.csv: expected sha256 ${file.sha256}, got ${sha256Of('a,c\n')}`);
  expect(await third.hashOf(file)).toBe(sha256Of('a,c\n'));
});

test('a file of many parts whose sender is killed is gone on with, and arrives whole', async () => {
  const name = root();
  const folder = temporaryFolder();
  const bytes = Buffer.alloc(100e6);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at);
  const file = path.join(folder, 'large');
  writeFileSync(file, bytes);
  const sha256 = sha256Of(bytes);
  const bucket = new Bucket(parseS3Address(name));
  const sender = fork(programFile('test/support/upload-process.ts'), [name, file, sha256], { execArgv: [] });
  // It says so when parts have arrived.
  await once(sender, 'message');
  sender.kill('SIGKILL');
  await once(sender, 'exit');
  expect(await bucket.look(`files/${sha256}`)).toBeNull();
  const before = await partsThere(bucket, `files/${sha256}`);
  expect(before.length).toBeGreaterThan(0);
  const counted = countingParts(bucket);
  await upload(bucket, `files/${sha256}`, file, sha256, 0);
  const { sent, found } = await counted();
  // What was on its way when its sender was killed may have arrived since.
  expect(found).toBeGreaterThanOrEqual(before.length);
  expect(sent + found).toBe(Math.ceil(100e6 / (16 * 1024 * 1024)));
  expect(await elsewhere(name).hashOf({ file: `${directory}/large`, sha256 })).toBe(sha256);
  expect(await partsThere(bucket, `files/${sha256}`)).toEqual([]);
});

test('a large file whose connection breaks on its way is gone on with, and one of other bytes is refused', async () => {
  const bytes = Buffer.alloc(60e6);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at);
  const file = { file: `${directory}/large`, sha256: sha256Of(bytes) };
  const name = root();
  await elsewhere(name).bucket.write(`files/${file.sha256}`, bytes);
  const breaks = [25e6, 30e6];
  const proxy = await breakingProxy(gateway.port, breaks);
  onTestFinished(() => void proxy.server.close());
  const other = elsewhere(name.replace(`:${gateway.port}`, `:${proxy.port}`));
  expect(sha256Of(readFileSync(await other.fetch(file)))).toBe(file.sha256);
  expect(breaks).toEqual([]);
  bytes[59e6] = 1;
  await elsewhere(name).bucket.write(`files/${file.sha256}`, bytes);
  await expect(elsewhere(name).fetch(file)).rejects.toThrow(
    `large: expected sha256 ${file.sha256}, got ${sha256Of(bytes)}`,
  );
});

async function partsThere(bucket: Bucket, key: string): Promise<unknown[]> {
  const { sdk, client } = await bucket.connected();
  const named = bucket.named(key);
  const { Uploads = [] } = await client.send(
    new sdk.ListMultipartUploadsCommand({ Bucket: named.Bucket, Prefix: named.Key }),
  );
  const [open] = Uploads;
  if (open?.UploadId === undefined) return [];
  return (await client.send(new sdk.ListPartsCommand({ ...named, UploadId: open.UploadId }))).Parts ?? [];
}

/** Counts the parts that are sent from now on, and those that are found to have arrived before. */
function countingParts(bucket: Bucket): () => Promise<{ sent: number; found: number }> {
  const counts = { sent: 0, found: 0 };
  const adding = bucket.connected().then(({ sdk, client }) => {
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (asked) => {
          if (commandName === sdk.UploadPartCommand.name) counts.sent++;
          const answer = await next(asked);
          if ('Parts' in answer.output && answer.output.Parts !== undefined) counts.found += answer.output.Parts.length;
          return answer;
        },
      { step: 'initialize' },
    );
  });
  return async () => {
    await adding;
    return counts;
  };
}

test('no answer is believed that was lost: each change counts once, and every file is whole', async () => {
  const proxy = await lossyProxy(gateway.port, 0.1);
  onTestFinished(() => void proxy.server.close());
  const name = root(proxy.port);
  const store = elsewhere(name);
  const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
  const numbers: number[] = [];
  await Promise.all(
    Array.from({ length: 4 }, async (__, writer) => {
      const held = await HeldStage.take(store, directory, stage.token);
      for (let at = 0; at < 25; at++) {
        const change = noted(`${writer} ${at}`);
        await held.commit([{ file: `${directory}/${writer}-${at}`, content: `${writer} ${at}` }], (found, stored) => ({
          ...change(found),
          files: [
            ...found.files.filter(({ file }) => file !== stored[0]!.file),
            { file: stored[0]!.file, sha256: stored[0]!.sha256 },
          ],
        }));
        numbers.push(held.manifest.sequence);
      }
    }),
  );
  expect(proxy.lost()).toBeGreaterThan(10);
  const manifest = (await store.read(directory))!;
  expect(new Set(numbers).size).toBe(100);
  expect(manifest.notices).toHaveLength(100);
  const other = elsewhere(name);
  expect(await Promise.all(manifest.files.map(async (file) => (await other.hashOf(file)) === file.sha256))).toEqual(
    Array(100).fill(true),
  );
});

test('a checkpoint goes when no manifest names it any more, and what another run names stays', async () => {
  const store = elsewhere(root());
  const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
  const save = async (step: number): Promise<void> => {
    const file = `${directory}/checkpoints/0-${step}.safetensors`;
    await stage.commit([{ file, content: `${step}` }], (found, [saved]) => ({
      ...found,
      checkpoints: [...found.checkpoints, { epoch: 0, step, file, sha256: saved!.sha256 }].slice(-2),
    }));
  };
  for (const step of [1, 2, 3]) await save(step);
  expect((await keysOf(store, `runs/${directory}/checkpoints/`)).map((key) => path.basename(key).slice(0, 3))).toEqual([
    '0-2',
    '0-3',
  ]);
});

test('logs of all ranks are read elsewhere, and gone on with there', async () => {
  const name = root();
  const here = elsewhere(name);
  const folder = await here.workFolder(directory);
  for (const log of ['trainer.log', 'trainer.1.log', 'trainer.10.log'])
    writeFileSync(path.join(folder, log), `${log}\n`);
  writeFileSync(path.join(folder, 'trainer.json'), '{}');
  await here.keepLogs(directory);
  // No log, whatever it is called.
  await here.bucket.write(`runs/${directory}/trainer.json`, '{}');
  const there = elsewhere(name);
  const logs = await there.logs(directory);
  const names = ['trainer.1.log', 'trainer.10.log', 'trainer.log'];
  expect(readdirSync(path.dirname(logs[0]!)).toSorted()).toEqual(names);
  expect(logs.map((log) => [path.basename(log), readFileSync(log, 'utf8')])).toEqual([
    ['trainer.log', 'trainer.log\n'],
    ['trainer.1.log', 'trainer.1.log\n'],
    ['trainer.10.log', 'trainer.10.log\n'],
  ]);
  appendFileSync(logs[1]!, 'of another machine\n');
  await there.keepLogs(directory);
  expect(readdirSync(path.dirname(logs[0]!)).toSorted()).toEqual(names);
  const [, second] = await here.logs(directory);
  expect(readFileSync(second!, 'utf8')).toBe('trainer.1.log\nof another machine\n');
  // What is said here is not lost for an older one that lies there.
  appendFileSync(second!, 'of this machine\n');
  await here.logs(directory);
  expect(readFileSync(second!, 'utf8')).toBe('trainer.1.log\nof another machine\nof this machine\n');
});

test('a store that is removed leaves nothing, here and there, and nothing of its neighbours goes', async () => {
  const name = root();
  const neighbour = elsewhere(name.replace('?', '/beside?'));
  await HeldStage.claim(neighbour, directory, tokenOf(), claim);
  const below = elsewhere(rootBelow(name, 'verify-resume-0/straight'));
  const stage = await HeldStage.claim(below, directory, tokenOf(), claim);
  await stage.put({ 'a.csv': 'a,b\n' });
  await removeStore(below.root);
  expect(readdirSync(path.join(process.env['NAS_CACHE'] ?? '', 'stores'))).toEqual([]);
  const all = new S3Store(name);
  expect(await keysOf(all)).toEqual([`beside/runs/${directory}/manifest.json`]);
});

test('late commits return at once, are seen by the attempt, and arrive together, of checkpoints only the newest', async () => {
  const name = root();
  process.env['NAS_CACHE'] = temporaryFolder();
  const token = tokenOf();
  await HeldStage.claim(new S3Store(name), directory, token, claim);
  const store = openStoreAside(name);
  const stage = await HeldStage.take(store, directory, token, { isLate: true });
  for (let step = 1; step <= 8; step++) {
    const file = `${directory}/checkpoints/0-${step}.safetensors`;
    await stage.commit([{ file, content: Buffer.alloc(2e6, step) }], (found, [saved]) => ({
      ...found,
      checkpoints: [...found.checkpoints, { epoch: 0, step, file, sha256: saved!.sha256 }].slice(-2),
    }));
    expect(stage.manifest.checkpoints.at(-1)?.step).toBe(step);
  }
  expect(stage.bytesLeft).toBeGreaterThan(0);
  await stage.flush();
  expect(stage.bytesLeft).toBe(0);
  const other = elsewhere(name);
  const manifest = (await other.read(directory))!;
  expect(manifest.checkpoints.map(({ step }) => step)).toEqual([7, 8]);
  // The claim, what was under way at first, and all that waited meanwhile.
  expect(manifest.sequence).toBeLessThan(9);
  for (const file of manifest.checkpoints) expect(await other.hashOf(file)).toBe(file.sha256);
  expect(readdirSync(path.join(await store.workFolder(directory), '.pending'))).toEqual([]);
  await HeldStage.claim(other, directory, tokenOf({ attempt: 2 }), claim);
  await stage.commit([{ file: `${directory}/late`, content: 'late' }]);
  await expect(stage.flush()).rejects.toThrow(/one-shot: expected the token of .*attempt 1, got that of .*attempt 2/);
  // Its bytes are on their way to the disk; the folder goes with the test.
  expect(await store.hashOf({ file: `${directory}/late`, sha256: sha256Of('late') })).toBe(sha256Of('late'));
});
