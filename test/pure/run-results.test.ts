import path from 'node:path';
import { linkSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { catalogue } from '../../artifacts/catalogue.ts';
import { manifestName } from '../../artifacts/paths.ts';
import { rememberResults, rememberSoon, resultsByRun } from '../../artifacts/run-results.ts';
import type { RunResults } from '../../artifacts/run-results.ts';
import { finishedManifest } from '../support/manifests.ts';
import { syntheticRun } from '../support/synthetic-run.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** As slow and plain as can be: every manifest checked in full, every file looked at by its path. */
async function plainResults(root: string, run: string): Promise<RunResults> {
  const manifests = (await catalogue(root, run)).map(({ manifest }) => manifest);
  const times = manifests.flatMap(({ attempts }) => attempts);
  const entries = readdirSync(path.join(root, run), { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const sizes = new Map(files.map((file) => [statSync(file).ino, statSync(file).size]));
  const chosen = manifests.flatMap(({ selection }) => selection ?? []);
  return {
    stages: { begun: manifests.length, done: manifests.filter(({ state }) => state === 'done').length },
    startedAt: Math.min(...times.map(({ started }) => Date.parse(started))),
    endedAt: Math.max(...times.map(({ ended }) => (ended === null ? 0 : Date.parse(ended)))),
    bestTau: chosen.map(({ tau }) => tau).toSorted((a, b) => (b ?? -1) - (a ?? -1))[0] ?? null,
    bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
  };
}

/** A run with what lies in runs beside the newest manifests of its stages. */
function putRun(root: string, run: string, at: number): void {
  syntheticRun(root, run, { supernets: 1 + (at % 5), epochs: 1, subnets: at % 2 });
  const put = (file: string, content: string | object): void => {
    const place = path.join(root, run, file);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, typeof content === 'string' ? content : JSON.stringify(content));
  };
  const running = { ...finishedManifest('unused'), state: 'running' };
  put('evaluate/1/manifest.9.json', running);
  put('evaluate/1/manifest.10.json', finishedManifest('unused'));
  put('first-release/manifest.json', { ...running, version: 1 });
  put('supernet-1/older/abc/manifest.json', running);
  put('supernet-1/.pending/manifest.77.json', running);
  put('supernet-1/checkpoints/manifest.json', running);
  put('evaluate/1/chunks/0.json', 'scores');
  put('1/2/3/4/manifest.1.json', running);
  put('1/2/3/4/5/6/manifest.1.json', running);
  put('cut-off/manifest.1.json', '{');
  put('of-a-newer-release/manifest.1.json', { ...running, version: 9 });
  put('without-start/manifest.1.json', { ...running, attempts: [{ ended: null }] });
  put('without-end/manifest.1.json', { ...running, attempts: [{ started: '2020-01-01T00:00:00Z', ended: 5 }] });
  put('supernet-1/0.9_0.safetensors', 'weights'.repeat(at));
  linkSync(path.join(root, run, 'supernet-1/0.9_0.safetensors'), path.join(root, run, 'supernet-1/chosen'));
}

test.each([2, 33])('%i runs are seen in one pass as manifest by manifest and file by file', async (count) => {
  const root = temporaryFolder();
  const runs = Array.from({ length: count }, (_, at) => `run-${at}`);
  for (const [at, run] of runs.entries()) putRun(root, run, at);
  mkdirSync(path.join(root, 'empty'));
  // No runs: what tools keep beside them.
  putRun(root, '.trash', 1);
  writeFileSync(path.join(root, 'notes.txt'), 'mine');
  const found = await resultsByRun(root, temporaryFolder());
  expect([...found.keys()].toSorted()).toEqual(runs.toSorted());
  for (const run of runs) expect(found.get(run), run).toEqual(await plainResults(root, run));
  expect(found.get('run-1')).toMatchObject({ stages: { begun: 6, done: 4 } });
});

/** As if nothing in a folder had changed for a minute. */
function settle(folder: string): void {
  const minuteAgo = new Date(Date.now() - 60_000);
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const below = entries.filter((entry) => entry.isDirectory()).map((entry) => path.join(entry.parentPath, entry.name));
  for (const one of [folder, ...below]) utimesSync(one, minuteAgo, minuteAgo);
}

const changes: Readonly<Record<string, (run: string) => void>> = {
  'a stage begins': (run) => syntheticRun(path.dirname(run), 'run', { supernets: 4, epochs: 1, subnets: 0 }),
  'a stage goes on': (run) =>
    writeFileSync(
      path.join(run, 'evaluate/1', manifestName(11)),
      JSON.stringify({ ...finishedManifest('unused'), state: 'running' }),
    ),
  'a folder of a stage alone gets another file': (run) =>
    writeFileSync(path.join(run, 'evaluate/1/chunks/1.json'), 'more scores'),
  'a stage is removed': (run) => rmSync(path.join(run, 'evaluate/1'), { recursive: true }),
  'folders of stages are removed': (run) => rmSync(path.join(run, 'evaluate'), { recursive: true }),
  'a stage is renamed': (run) => renameSync(path.join(run, 'supernet-1'), path.join(run, 'supernet-9')),
  'a file gets another name elsewhere': (run) =>
    linkSync(path.join(run, 'supernet-1/0.9_0.safetensors'), path.join(run, 'evaluate/copy')),
  'a file that had two names loses one': (run) => rmSync(path.join(run, 'supernet-1/chosen')),
  'all of it is removed but one folder': (run) => {
    for (const name of readdirSync(run)) if (name !== 'supernet-1') rmSync(path.join(run, name), { recursive: true });
  },
};

test.each(Object.entries(changes))('where %s, a run is seen again as anew', async (_, change) => {
  const [root, cache] = [temporaryFolder(), temporaryFolder()];
  putRun(root, 'run', 2);
  // Some of it is kept, and not all.
  settle(path.join(root, 'run'));
  await resultsByRun(root, cache);
  writeFileSync(path.join(root, 'run/supernet-1/log'), 'begun');
  await rememberResults(root, 'run', cache);
  change(path.join(root, 'run'));
  expect((await resultsByRun(root, cache)).get('run')).toEqual(await plainResults(root, 'run'));
});

/** The files in which something of a run is kept. */
function keptIn(cache: string): string[] {
  const names = readdirSync(cache, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('json')).toSorted();
}

test('what is kept of a run goes with it', async () => {
  const [root, cache] = [temporaryFolder(), temporaryFolder()];
  putRun(root, 'run', 1);
  await rememberResults(root, 'run', cache);
  expect(keptIn(cache)).toHaveLength(1);
  rmSync(path.join(root, 'run'), { recursive: true });
  expect(await resultsByRun(root, cache)).toEqual(new Map());
  expect(keptIn(cache)).toEqual([]);
});

test('a manifest with a larger number than before counts the next time', async () => {
  const [root, cache] = [temporaryFolder(), temporaryFolder()];
  syntheticRun(root, 'run', { supernets: 1, epochs: 1, subnets: 0 });
  expect((await resultsByRun(root, cache)).get('run')).toMatchObject({ stages: { begun: 1, done: 1 } });
  const later = { ...finishedManifest('unused'), state: 'running' };
  writeFileSync(path.join(root, 'run/supernet-1', manifestName(2)), JSON.stringify(later));
  expect((await resultsByRun(root, cache)).get('run')).toMatchObject({ stages: { begun: 1, done: 0 } });
});

test('a run in which nothing has begun has no times', async () => {
  const root = temporaryFolder();
  mkdirSync(path.join(root, 'run/one'), { recursive: true });
  writeFileSync(path.join(root, 'run/one/manifest.1.json'), JSON.stringify(finishedManifest('unused')));
  const results = { stages: { begun: 1, done: 1 }, startedAt: null, endedAt: null, bestTau: null };
  expect((await resultsByRun(root, temporaryFolder())).get('run')).toMatchObject(results);
});

test('where no run was started there are none', async () => {
  const root = path.join(temporaryFolder(), 'not-yet');
  expect(await resultsByRun(root, temporaryFolder())).toEqual(new Map());
});

test('what has not changed is not written again', async () => {
  const [root, cache] = [temporaryFolder(), temporaryFolder()];
  putRun(root, 'run', 1);
  settle(path.join(root, 'run'));
  const first = await resultsByRun(root, cache);
  const [file = ''] = keptIn(cache);
  const { ino } = statSync(path.join(cache, file));
  // So that no other file gets its number.
  linkSync(path.join(cache, file), path.join(cache, 'beside'));
  expect(await resultsByRun(root, cache)).toEqual(first);
  expect(statSync(path.join(cache, file)).ino).toBe(ino);
});

test('a run in which something has just happened is looked at once it is still, however often that is asked for', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const [root, cache] = [temporaryFolder(), temporaryFolder()];
  for (const run of ['one', 'two']) putRun(root, run, 1);
  for (const run of ['one', 'one', 'two', 'one']) rememberSoon(root, run, cache);
  expect(vi.getTimerCount()).toBe(2);
  await vi.advanceTimersByTimeAsync(2900);
  await setImmediate();
  expect(keptIn(cache)).toEqual([]);
  vi.advanceTimersByTime(100);
  await vi.waitFor(() => expect(keptIn(cache).map((file) => path.basename(file))).toEqual(['one.json', 'two.json']));
  rememberSoon(root, 'one', cache);
  expect(vi.getTimerCount()).toBe(1);
});
