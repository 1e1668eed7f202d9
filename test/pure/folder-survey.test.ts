import { appendFileSync, linkSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { SETTLED_MS, surveyed, surveyRuns } from '../../artifacts/folder-survey.ts';
import type { SeenFolder } from '../../artifacts/folder-survey.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { threadsBegun } from '../support/threads-begun.ts';

/** Puts files into a new results root, by their names in it. */
function rootWith(files: Readonly<Record<string, string>>): string {
  const root = temporaryFolder();
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  return root;
}

/** As if nothing had changed in a folder for a minute. */
function settle(...folders: string[]): void {
  const minuteAgo = Date.now() / 1000 - 60;
  for (const folder of folders) utimesSync(folder, minuteAgo, minuteAgo);
}

const seen = (root: string, run: string, kept: SeenFolder | null = null): SeenFolder =>
  surveyed({ root, runs: [{ run, kept }], keys: ['state', 'none'] })[0]!;

test('a folder is seen with the sizes of its files, those of more names apart, its newest manifest and what lies below', () => {
  const root = rootWith({
    'run/stage/manifest.2.json': '{"state":"done","stage":"s"}',
    'run/stage/manifest.1.json': '{"state":"running"}',
    'run/stage/log': 'said',
    'run/stage/checkpoints/manifest.1.json': '{"state":"no stage"}',
    'run/first/manifest.json': '{"state":"old"}',
  });
  linkSync(path.join(root, 'run/stage/log'), path.join(root, 'run/first/link'));
  settle(path.join(root, 'run/first'));
  const { ino, size } = statSync(path.join(root, 'run/first/link'));
  expect([size, SETTLED_MS]).toEqual([4, 2000]);
  const changed = statSync(path.join(root, 'run/first')).mtimeMs;
  const shared = [[ino, 4]];
  // What has just changed has no time: it may change again within the same moment.
  expect(seen(root, 'run')).toStrictEqual({
    changed: null,
    bytes: 0,
    below: {
      stage: {
        changed: null,
        bytes: 28 + 19,
        shared,
        manifest: { state: 'done', none: undefined },
        below: { checkpoints: { changed: null, bytes: 20, below: {} } },
      },
      first: { changed, bytes: 15, shared, manifest: { state: 'old', none: undefined }, below: {} },
    },
  });
});

test.each(['5', 'null', '"text"', '{', ''])('a manifest that says %s tells nothing of its stage', (text) => {
  const root = rootWith({ 'run/manifest.1.json': text });
  expect(seen(root, 'run')).toStrictEqual({ changed: null, bytes: text.length, below: {} });
});

test('what is not there, or is no folder, is empty; a link is not followed', () => {
  const root = rootWith({ file: 'text' });
  mkdirSync(path.join(root, 'run'));
  symlinkSync('nowhere', path.join(root, 'run/manifest.1.json'));
  symlinkSync('../file', path.join(root, 'run/link'));
  const empty = { changed: null, bytes: 0, below: {} };
  expect([seen(root, 'run'), seen(root, 'gone'), seen(root, 'file')]).toStrictEqual([empty, empty, empty]);
});

test('what has not changed is not looked at again, and what has changed alone is', () => {
  const root = rootWith({ 'run/a/log': 'said', 'run/b/log': 'said' });
  const run = path.join(root, 'run');
  const [a, b] = [path.join(run, 'a'), path.join(run, 'b')];
  settle(a, b, run);
  const before = seen(root, 'run');
  expect(before.changed).toBe(statSync(run).mtimeMs);
  // A file that only grows leaves the time of its folder.
  appendFileSync(path.join(a, 'log'), ', and more');
  expect(seen(root, 'run', before)).toBe(before);
  writeFileSync(path.join(b, 'more'), 'more');
  const after = seen(root, 'run', before);
  expect(after).toStrictEqual({
    ...before,
    below: { a: before.below['a'], b: { changed: null, bytes: 8, below: {} } },
  });
  expect(after.below['a']).toBe(before.below['a']);
  // What was seen too soon after a change is looked at every time.
  expect(seen(root, 'run', after).below['b']).not.toBe(after.below['b']);
});

test.each([
  [32, 0],
  [33, 4],
])(
  '%i runs that were not seen before are read by %i threads, and each is told in its place',
  async (count, threads) => {
    const names = Array.from({ length: count + 3 }, (_, at) => `run-${at}`);
    const root = rootWith(Object.fromEntries(names.map((name, at) => [`${name}/log`, 'x'.repeat(at)])));
    const kept = new Map([0, 7, count + 2].map((at) => [names[at]!, seen(root, names[at]!)]));
    for (const name of kept.keys()) settle(path.join(root, name));
    const settled = new Map([...kept.keys()].map((name) => [name, seen(root, name)]));
    const begun = threadsBegun();
    const runs = names.map((run) => ({ run, kept: settled.get(run) ?? null }));
    const found = await surveyRuns({ root, runs, keys: [] });
    expect(begun).toHaveLength(threads);
    expect(found.map(({ bytes }) => bytes)).toEqual(names.map((_, at) => at));
    for (const [at, { kept: before }] of runs.entries()) if (before !== null) expect(found[at]).toBe(before);
  },
);

test('the manifest of a stage that is at work is seen whenever one looks', async () => {
  const root = rootWith({ 'run/manifest.1.json': '{"state":"running"}' });
  // As a store does: the next one first, then the one before goes.
  const work = `
    const { renameSync, rmSync, writeFileSync } = require('node:fs');
    const { workerData: folder, parentPort } = require('node:worker_threads');
    const clock = new Int32Array(new SharedArrayBuffer(4));
    parentPort.postMessage('begun');
    for (let at = 2; ; at++) {
      writeFileSync(folder + '/next', '{"state":"running"}');
      renameSync(folder + '/next', folder + '/manifest.' + at + '.json');
      rmSync(folder + '/manifest.' + (at - 1) + '.json');
      // Much faster than any stage, and slow enough to be seen at all.
      Atomics.wait(clock, 0, 0, 1);
    }`;
  const stage = new Worker(work, { eval: true, workerData: path.join(root, 'run') });
  onTestFinished(async () => void (await stage.terminate()));
  await once(stage, 'message');
  for (let at = 0; at < 3000; at++) expect(seen(root, 'run').manifest).toEqual({ state: 'running' });
  await stage.terminate();
  rmSync(path.join(root, 'run'), { recursive: true });
});
