import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { FolderStore } from '../../artifacts/folder-store.ts';
import { allFilesOf } from '../../artifacts/manifest.ts';
import { amend, HeldStage, replaced } from '../../artifacts/stage.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { isWhole, noted } from '../support/stores.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// A stage in the hands of an attempt, in a folder.

let store = new FolderStore('/none');
beforeEach(() => {
  store = new FolderStore(temporaryFolder());
});

const inStage = (...names: string[]): string => path.join(store.root, directory, ...names);
const other = { ...claim, fingerprint: 'e'.repeat(64), config: { epochs: 9 } };
const claimed = async (attempt = 1, by = claim): Promise<HeldStage> =>
  await HeldStage.claim(store, directory, tokenOf({ attempt }), by);

test('work under way is gone on with under another config where the claim says why; done, it is set aside', async () => {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  onTestFinished(() => said.mockRestore());
  await (await claimed()).put({ 'half.txt': 'half' });
  const goesOn = { ...other, goesOn: () => 'more epochs' };
  const { manifest } = await claimed(2, goesOn);
  expect(manifest).toMatchObject({
    fingerprint: other.fingerprint,
    begunAs: claim.fingerprint,
    config: other.config,
    notices: ['more epochs'],
  });
  expect(manifest.attempts).toHaveLength(2);
  expect(said.mock.calls).toEqual([[`${directory}: more epochs`]]);
  expect([existsSync(inStage('half.txt')), existsSync(inStage('older'))]).toEqual([true, false]);

  const done = await claimed(3, goesOn);
  await done.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
  const anew = await claimed(4, { ...goesOn, fingerprint: 'd'.repeat(64) });
  expect(anew.manifest).toMatchObject({ begunAs: null, notices: [], files: [], origin: null });
  expect([existsSync(inStage('half.txt')), readdirSync(inStage('older')).length]).toEqual([false, 1]);
  const never = await claimed(5, { ...other, goesOn: () => null });
  expect(never.manifest.notices).toEqual([]);
  expect(readdirSync(inStage('older'))).toHaveLength(2);
});

test('finished work of another config is set aside, though the first to find it was killed before', async () => {
  const done = await claimed();
  await done.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
  const killed = vi.spyOn(store, 'setAside').mockRejectedValueOnce(new Error('killed'));
  const goesOn = { ...other, goesOn: () => 'more epochs' };
  await expect(claimed(2, goesOn)).rejects.toThrow('killed');
  expect(await store.read(directory)).toMatchObject({ state: 'done', fingerprint: claim.fingerprint });
  const { manifest } = await claimed(3, goesOn);
  expect(manifest).toMatchObject({ state: 'running', fingerprint: other.fingerprint, begunAs: null, notices: [] });
  expect(killed).toHaveBeenCalledTimes(2);
  const [name = ''] = readdirSync(inStage('older'));
  expect(JSON.parse(readFileSync(inStage('older', name, 'manifest.json'), 'utf8')).state).toBe('done');
});

test('a claim that begins anew says where its run came from', async () => {
  const origin = { pipeline: 'p.yml', params: {}, set: [] };
  await claimed();
  expect((await claimed(2, { ...other, origin })).manifest.origin).toEqual(origin);
});

test('a process that only works along sees its own changes, and nobody else does', async () => {
  const { token } = await claimed();
  const helper = await HeldStage.take(store, directory, token, { isWriter: false });
  await helper.change(noted('seen by me'));
  expect(helper.manifest.notices).toEqual(['seen by me']);
  expect((await store.read(directory))?.notices).toEqual([]);
  await expect(helper.put({ 'a.txt': 'a' })).rejects.toThrow(
    `${directory}: expected one process to write, got another one`,
  );
});

test('only the attempt that holds a stage may take it', async () => {
  await expect(HeldStage.take(store, directory, tokenOf())).rejects.toThrow(
    /got that of nobody \(the stage was not claimed\)/,
  );
  await claimed(2);
  await expect(HeldStage.take(store, directory, tokenOf())).rejects.toMatchObject({
    ending: 'Fenced',
    holder: tokenOf({ attempt: 2 }),
  });
});

test('when something was last saved is when files were, not when words were', async () => {
  const stage = await claimed();
  const saved = (): string | null => stage.manifest.attempts[0]!.saved;
  await stage.change(noted('a word'));
  await stage.commit([], noted('another'));
  expect(saved()).toBeNull();
  await stage.put({ 'a.txt': 'a' });
  expect(Date.now() - Date.parse(saved()!)).toBeLessThan(60_000);
});

const failingWrite = (): never => {
  throw new Error('no room');
};

test('of several files of which one cannot be made nothing stays', async () => {
  const stage = await claimed();
  const files = [
    { file: `${directory}/a.txt`, content: 'a' },
    { file: `${directory}/b.txt`, write: failingWrite },
  ];
  await expect(stage.commit(files)).rejects.toThrow('no room');
  expect(readdirSync(inStage('.pending'))).toEqual([]);
  await stage.put({ 'a.txt': 'a' });
  // A file that has the bytes of one that is named stays where it waits for its name.
  await expect(stage.commit(files)).rejects.toThrow('no room');
  expect(await isWhole(store, directory)).toBe(true);
});

test('an attempt whose files were swept away by the next one is told that it was overtaken', async () => {
  const stage = await claimed();
  const write = async (file: string): Promise<void> => {
    await claimed(2);
    throw new Error(`no such file: ${file}`);
  };
  await expect(stage.commit([{ file: `${directory}/a.txt`, write }])).rejects.toMatchObject({ ending: 'Fenced' });
});

test('a choice brings its files, and a file that nobody names is refused', async () => {
  const stage = await claimed();
  const files = [{ file: `${directory}/chosen.txt`, content: 'chosen' }];
  await expect(amend(store, directory, stage.token, files, (found) => found)).rejects.toMatchObject({
    ending: 'Fenced',
  });
  expect(readdirSync(inStage('.pending'))).toEqual([]);
  await stage.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
  await amend(store, directory, stage.token, files, (found, placed) => ({
    ...found,
    extras: replaced(found.extras, placed),
  }));
  expect(readFileSync(inStage('chosen.txt'), 'utf8')).toBe('chosen');
  await expect(
    amend(store, directory, stage.token, [{ ...files[0]!, content: 'other' }], (found) => found),
  ).rejects.toThrow(`${directory}/chosen.txt: expected the manifest to name the file that is committed with it`);
});

test('further files stand beside those of the result, and one that is put again takes the place of the old one', async () => {
  const stage = await claimed();
  const { 'a.txt': a } = await stage.put({ 'a.txt': 'a', 'b.txt': 'b' });
  const { 'log.txt': log } = await stage.put({ 'log.txt': 'l' }, 'extras');
  const { 'b.txt': b } = await stage.put({ 'b.txt': 'new' });
  expect(stage.manifest).toMatchObject({ files: [a, b], extras: [log] });
  expect(readFileSync(inStage('b.txt'), 'utf8')).toBe('new');
  expect(stage.root).toBe(store.root);
});

test('a file that a program has written at its place is named there as it is', async () => {
  const stage = await claimed();
  writeFileSync(inStage('out.txt'), 'made');
  const [out] = await stage.commit([{ file: `${directory}/out.txt`, isInPlace: true }]);
  expect(out).toMatchObject({ sha256: sha256Of('made'), bytes: 4 });
  expect(readFileSync(inStage('out.txt'), 'utf8')).toBe('made');
  expect(await isWhole(store, directory)).toBe(true);
});

test('late commits count as made at once, and of checkpoints that follow each other fast only the newest are written', async () => {
  const { token } = await claimed();
  const stage = await HeldStage.take(store, directory, token, { isLate: true });
  for (let step = 1; step <= 6; step++) {
    const file = `${directory}/checkpoints/0-${step}.bin`;
    await stage.commit([{ file, content: `step ${step}` }], (found, [placed]) => ({
      ...found,
      checkpoints: [...found.checkpoints, { epoch: 0, step, file, sha256: placed!.sha256 }].slice(-1),
    }));
    expect(stage.manifest.checkpoints.map((one) => one.step)).toEqual([step]);
  }
  expect(stage.bytesLeft).toBeGreaterThan(0);
  while (stage.bytesLeft > 0) {
    expect(stage.manifest.checkpoints.map((one) => one.step)).toEqual([6]);
    await setImmediate();
  }
  // A change without files waits for them.
  await stage.change(noted('after all'));
  expect([stage.bytesLeft, stage.manifest.notices]).toEqual([0, ['after all']]);
  const manifest = (await store.read(directory))!;
  expect(allFilesOf(manifest).map(({ file }) => file)).toEqual([`${directory}/checkpoints/0-6.bin`]);
  expect(manifest.attempts[0]!.saved).not.toBeNull();
  expect(manifest.sequence).toBeLessThan(8);
  expect(await isWhole(store, directory)).toBe(true);
  expect(readdirSync(inStage('.pending'))).toEqual([]);
  expect(readdirSync(inStage('checkpoints'))).toEqual(['0-6.bin']);
});
