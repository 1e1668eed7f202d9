import { fork } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { claimStage, commit, FencedError } from '../../artifacts/fence.ts';
import { withLock } from '../../artifacts/lock.ts';
import { readManifest } from '../../artifacts/manifest.ts';
import { checkRunId, placeOf } from '../../artifacts/paths.ts';
import { claim, first } from '../support/fenced-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const second = { ...first, attempt: 2 };
const chunk = (from: number) => ({ from, to: from + 1, file: 'quick/x', sha256: '0'.repeat(64) });

function startWriter(root: string, attempt: number) {
  const child = fork(path.join(import.meta.dirname, '../support/fenced-writer.ts'), [root, String(attempt)], {
    execArgv: ['--import', 'tsx'],
  });
  const message = () => new Promise<unknown>((resolve) => child.once('message', resolve));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { child, message, exited };
}

test('a stopped attempt that wakes up after its replacement finished is refused and touches no file', async () => {
  const root = temporaryFolder();
  const zombie = startWriter(root, 1);
  expect(await zombie.message()).toBe('ready');
  zombie.child.kill('SIGSTOP');
  const replacement = startWriter(root, 2);
  expect(await replacement.message()).toBe('ready');
  replacement.child.send('go');
  expect(await replacement.message()).toBe('committed');
  await replacement.exited;
  const target = path.join(root, 'quick/one-shot/result.txt');
  const before = readFileSync(path.join(root, 'quick/one-shot/manifest.json'), 'utf8');
  zombie.child.send('go');
  zombie.child.kill('SIGCONT');
  expect(await zombie.message()).toMatch(/FencedError: quick\/one-shot: .*attempt 2; this attempt ends here/);
  await zombie.exited;
  expect(readFileSync(target, 'utf8')).toBe('attempt 2');
  expect(readFileSync(path.join(root, 'quick/one-shot/manifest.json'), 'utf8')).toBe(before);
});

test('a lock whose holder was killed is taken over at once, by one of many', async () => {
  const root = temporaryFolder();
  const lock = path.join(root, 'lock');
  const holder = fork(path.join(import.meta.dirname, '../support/lock-holder.ts'), [lock], {
    execArgv: ['--import', 'tsx'],
  });
  await new Promise((resolve) => holder.once('message', resolve));
  const dead = new Promise((resolve) => holder.once('exit', resolve));
  holder.kill('SIGKILL');
  await dead;
  expect(existsSync(lock)).toBe(true);
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 20 }, () =>
      withLock(lock, async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 1));
        inside--;
      }),
    ),
  );
  expect(most).toBe(1);
  expect(existsSync(lock)).toBe(false);
});

test('a lock torn by a power cut is cleared, and one of another machine is named in the error', async () => {
  const root = temporaryFolder();
  const lock = path.join(root, 'lock');
  writeFileSync(lock, '');
  expect(await withLock(lock, async () => 'done')).toBe('done');
  const elsewhere = { pid: 7, host: 'another-machine', boot: 'b', namespace: 'n', started: '1', nonce: 'ab' };
  writeFileSync(lock, JSON.stringify(elsewhere));
  await expect(withLock(lock, async () => 'done', 50)).rejects.toThrow(/process 7 on another-machine/);
});

test('commits that come at once all count', async () => {
  const root = temporaryFolder();
  await claimStage(root, 'quick/one-shot', first, claim);
  const from = Array.from({ length: 10 }, (_, i) => i);
  await Promise.all(
    from.map((i) => commit(root, 'quick/one-shot', first, (m) => ({ ...m, chunks: [...m.chunks, chunk(i)] }))),
  );
  const manifest = await readManifest(root, 'quick/one-shot');
  expect(manifest?.chunks.map((c) => c.from).toSorted((a, b) => a - b)).toEqual(from);
});

test('an older attempt, and a run that another run has replaced, cannot claim the stage back', async () => {
  const root = temporaryFolder();
  await claimStage(root, 'quick/one-shot', second, claim);
  await expect(claimStage(root, 'quick/one-shot', first, claim)).rejects.toThrow(FencedError);
  await claimStage(root, 'quick/one-shot', { ...first, round: 2 }, claim);
  await claimStage(root, 'quick/one-shot', { ...first, runId: 'b2' }, claim);
  await expect(claimStage(root, 'quick/one-shot', { ...second, round: 3 }, claim)).rejects.toThrow(FencedError);
});

test('a claim with another fingerprint sets the old results aside and keeps the ledger of attempts', async () => {
  const root = temporaryFolder();
  await claimStage(root, 'quick/one-shot', first, claim);
  writeFileSync(path.join(root, 'quick/one-shot/old.safetensors'), 'old');
  await commit(root, 'quick/one-shot', first, (m) => ({ ...m, chunks: [chunk(0)] }));
  const manifest = await claimStage(root, 'quick/one-shot', second, { ...claim, fingerprint: 'e'.repeat(64) });
  expect(manifest.chunks).toEqual([]);
  expect(manifest.attempts.map((a) => a.token.attempt)).toEqual([1, 2]);
  expect(existsSync(path.join(root, 'quick/one-shot/old.safetensors'))).toBe(false);
});

test('a manifest edited by hand is refused with the place of the mistake', async () => {
  const root = temporaryFolder();
  await claimStage(root, 'quick/one-shot', first, claim);
  const file = path.join(root, 'quick/one-shot/manifest.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"running"', '"almost"'));
  await expect(readManifest(root, 'quick/one-shot')).rejects.toThrow(/quick\/one-shot\/manifest\.json: state: .*undo/);
  writeFileSync(file, '{');
  await expect(readManifest(root, 'quick/one-shot')).rejects.toThrow(/expected JSON/);
  truncateSync(file, 3e9);
  await expect(readManifest(root, 'quick/one-shot')).rejects.toThrow(/expected at most 64 MiB, got 3000000000 bytes/);
});

test('names that leave the results folder are refused', async () => {
  const root = temporaryFolder();
  for (const name of ['../x', '/etc', 'a/../../b', 'a//b', './a', '', 'a\0b']) {
    expect(() => placeOf(root, name), name).toThrow(/results path: expected/);
  }
  symlinkSync(path.dirname(root), path.join(root, 'link'));
  expect(() => placeOf(root, 'link/x')).toThrow(/remove the symbolic link/);
  for (const id of ['a/b', '..', '', '-x', 'x'.repeat(101)])
    expect(() => checkRunId(id), id).toThrow(/run id: expected/);
  expect(checkRunId('quickstart-2')).toBe('quickstart-2');
});
