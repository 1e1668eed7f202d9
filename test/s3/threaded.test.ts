import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { S3Store } from '../../artifacts/s3/s3-store.ts';
import { ThreadedStore } from '../../artifacts/s3/threaded-store.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { BadInput } from '../../plan/endings.ts';
import { gatewayOfFile } from '../support/gateway.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const gateway = await gatewayOfFile();

test('a store with a thread of its own does all that the store does', async () => {
  vi.stubEnv('NAS_CACHE', temporaryFolder());
  const root = gateway.root('threaded');
  const [threaded, plain] = [new ThreadedStore(root), new S3Store(root)];
  await threaded.probe();
  const stage = await HeldStage.claim(threaded, directory, tokenOf(), claim);
  const { 'a.csv': file } = await stage.put({ 'a.csv': 'a,b\n' });
  expect(await plain.read(directory)).toEqual(await threaded.read(directory));
  expect(readFileSync(await threaded.fetch(file), 'utf8')).toBe('a,b\n');
  expect([await threaded.has(file), await threaded.bytesOf(file), await threaded.hashOf(file)]).toEqual([
    true,
    4,
    file.sha256,
  ]);
  const gone = { file: `${directory}/gone`, sha256: '0'.repeat(64) };
  expect([await threaded.has(gone), await threaded.bytesOf(gone)]).toEqual([false, null]);
  await expect(threaded.fetch(gone)).rejects.toThrow(BadInput);

  // Files that were made elsewhere, copied and dropped.
  const folder = await threaded.workFolder(directory);
  writeFileSync(path.join(folder, 'placed'), 'placed');
  const placed = await threaded.put(directory, { file: `${directory}/placed`, isInPlace: true });
  const copied = await threaded.put(directory, { file: `${directory}/copy`, copyOf: file });
  expect([placed.sha256, copied.sha256]).toEqual([sha256Of('placed'), file.sha256]);
  await threaded.discard([placed]);
  expect(existsSync(placed.waitsAt!)).toBe(false);
  const waiting = await threaded.put(directory, { file: `${directory}/waits`, content: 'waits' });
  expect(await threaded.hashOf(waiting)).toBe(sha256Of('waits'));
  await threaded.complete(directory, stage.manifest);
  await threaded.sweep(directory);
  expect(existsSync(waiting.waitsAt!)).toBe(false);
  writeFileSync(path.join(folder, 'out'), 'published');
  await threaded.publish({ file: 'out', sha256: sha256Of('published') }, path.join(folder, 'out'));
  expect(await plain.bytesOf({ file: 'out', sha256: sha256Of('published') })).toBe(9);

  // Logs, and what finished work is found by.
  writeFileSync(path.join(folder, 'trainer.log'), 'said\n');
  await threaded.keepLogs(directory);
  expect((await threaded.logs(directory)).map((log) => path.basename(log))).toEqual(['trainer.log']);
  vi.stubEnv('NAS_CACHE', temporaryFolder());
  expect(await new S3Store(root).logs(directory)).toHaveLength(1);
  await threaded.remember(claim.fingerprint, directory);
  expect(await threaded.recall([claim.fingerprint, '0'])).toEqual([[directory], []]);
  expect([await threaded.stages(), await threaded.stages('quick'), await threaded.stages('other')]).toEqual([
    [directory],
    [directory],
    [],
  ]);

  // What is set aside is left over, until it is cleared.
  await threaded.setAside(directory, stage.manifest);
  const leftovers = await threaded.leftovers();
  expect(leftovers.map(({ what, stage: of }) => [what, of])).toEqual([['set aside', directory]]);
  await threaded.clear(leftovers);
  expect(await threaded.leftovers()).toEqual([]);
});
