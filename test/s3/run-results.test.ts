import { expect, test, vi } from 'vitest';
import { resultsByRun } from '../../artifacts/run-results.ts';
import { S3Store } from '../../artifacts/s3/s3-store.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { gatewayOfFile } from '../support/gateway.ts';
import { claim, tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const gateway = await gatewayOfFile();

test('what runs in a bucket come to is told by their manifests and the sizes of their files', async () => {
  vi.stubEnv('NAS_CACHE', temporaryFolder());
  const root = gateway.root('by-run');
  expect(await resultsByRun(root, temporaryFolder())).toEqual(new Map());
  const store = new S3Store(root);
  const began = async (directory: string): Promise<HeldStage> =>
    await HeldStage.claim(store, directory, tokenOf({ stage: directory.split('/')[1]! }), claim);
  const first = await began('one/a');
  await first.put({ 'a.csv': 'a,b\n', 'same.csv': 'the same' });
  const selection = { epoch: 1, tau: 0.5, by: 'rule' as const, who: 'rule', when: '2026-01-01T00:00:00Z', why: 'best' };
  await first.end({ ending: 'done', phases: null }, { state: 'done', selection });
  const second = await began('one/b');
  // Counts once, as it lies there once.
  await second.put({ 'as-well.csv': 'the same', 'more.csv': 'more' });
  await began('two/a');
  const found = await resultsByRun(root, temporaryFolder());
  const attempts = async (directory: string) => (await store.read(directory))!.attempts;
  const [one] = await attempts('one/a');
  const [two] = await attempts('two/a');
  expect([...found].toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
    [
      'one',
      {
        stages: { begun: 2, done: 1 },
        startedAt: Date.parse(one!.started),
        endedAt: Date.parse(one!.ended!),
        bestTau: 0.5,
        bytes: 4 + 8 + 4,
      },
    ],
    [
      'two',
      { stages: { begun: 1, done: 0 }, startedAt: Date.parse(two!.started), endedAt: null, bestTau: null, bytes: 0 },
    ],
  ]);
});
