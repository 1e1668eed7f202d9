import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { performStage } from '../../activities/attempt.ts';
import { resultsRoot } from '../../artifacts/paths.ts';
import { forecast } from '../../cli/forecast.ts';
import type { Plan } from '../../plan/plan.ts';
import { JsonMap } from '../../artifacts/json.ts';
import { ImageList, PartName } from '../../configs/dataset-schema.ts';
import type { ImageListConfig } from '../../configs/dataset-schema.ts';
import { openDataset } from '../../nas/data/open.ts';
import { FileFault } from '../../plan/endings.ts';
import { checkLists, hasUnpinnedLists, pinLists } from '../../nas/data/lists.ts';
import { loadPipeline } from '../../pipelines/compile.ts';
import { fingerprintOf } from '../../pipelines/fingerprint.ts';
import type { JsonObject } from '../../plan/json.ts';
import type { StageResult } from '../../plan/results.ts';
import { resolve } from '../../plan/references.ts';
import { imagenetConfig } from '../support/image-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let data: string;
beforeEach(() => {
  data = temporaryFolder();
  vi.stubEnv('NAS_DATA', data);
  vi.stubEnv('NAS_RESULTS', temporaryFolder());
  write('train_rest.txt', 'train/a/1.JPEG 0', 'train/b/2.JPEG 1', 'train/a/3.JPEG 0', 'train/b/4 5.JPEG 1');
  write('calibration.txt', 'train/a/5.JPEG 0', 'train/b/6.JPEG 1');
  write('valid.txt', 'val/a/1.JPEG 0', 'val/b/2.JPEG 1', 'val/a/3.JPEG 0', 'val/b/4.JPEG 1');
  write('valid_part2500.txt', 'val/a/1.JPEG 0', 'val/b/2.JPEG 1');
  write('valid_ground_truth.txt', 'val/a/3.JPEG 0', 'val/b/4.JPEG 1');
});
afterEach(() => vi.unstubAllEnvs());

function write(list: string, ...lines: readonly string[]): void {
  writeFileSync(path.join(data, list), lines.map((line) => `${line}\n`).join(''));
}

const SIZES = { train_rest: 4, calibration: 2, valid: 4, valid_part2500: 2, valid_ground_truth: 2 };

/** The shipped data set, of those few images; below NAS_DATA. */
function dataset(): ImageListConfig {
  const { parts, ...config } = imagenetConfig();
  const sized = PartName.options.map((name) => {
    const { list } = parts[name];
    return [name, { list, images: Object.entries(SIZES).find(([file]) => list === `${file}.txt`)![1] }];
  });
  return ImageList.parse({ ...config, root: '.', classes: 2, parts: Object.fromEntries(sized) });
}

/** A plan, made now, of nets trained alone on it. */
function plan(): Plan {
  const settings = { dataset: dataset(), n_classes: 2, calibration: { batches: 1, batch_size: 1 }, batch_size: 2 };
  const set = Object.entries(settings).map(([key, value]) => `with.${key}=${JSON.stringify(value)}`);
  return loadPipeline('pipelines/standalone.yml', { set, id: 'run' });
}

/** The `with` of the first of them. */
function planned(): JsonObject {
  const { stages, params } = plan();
  const [stage] = stages;
  const [matrix = {}] = stage!.matrix ?? [];
  return JsonMap.parse(resolve(stage!.with, { params, matrix, stages: {} }));
}

const hashesIn = (config: JsonObject): string[] =>
  Object.values(ImageList.parse(config['dataset']).parts).flatMap(({ sha256 }) => sha256 ?? []);

test('a plan holds the hashes of the lists, so that another list of the same length is another stage', () => {
  const before = planned();
  expect(hashesIn(before)).toHaveLength(6);
  expect(hasUnpinnedLists(before)).toBe(false);
  expect(fingerprintOf('train-standalone', planned())).toBe(fingerprintOf('train-standalone', before));
  write('train_rest.txt', 'train/a/1.JPEG 0', 'train/b/2.JPEG 1', 'train/a/3.JPEG 0', 'train/b/9 9.JPEG 1');
  expect(fingerprintOf('train-standalone', planned())).not.toBe(fingerprintOf('train-standalone', before));
});

test('a plan made where the lists are not has no hashes, and the worker takes them before it looks for earlier work', async () => {
  vi.stubEnv('NAS_DATA', path.join(data, 'elsewhere'));
  const config = planned();
  expect(hashesIn(config)).toEqual([]);
  expect(hasUnpinnedLists(config)).toBe(true);
  vi.stubEnv('NAS_DATA', data);
  let times = 0;
  const work = async () => ({ times: ++times });
  const input = { stage: 'alone', uses: 'train-standalone', directory: 'run/alone', round: 1, with: config };
  const once = async () => await performStage(input, work);
  const perform = async () => {
    const { outputs } = await new MockActivityEnvironment({ workflowExecution: { workflowId: 'run', runId: '1' } }).run<
      [],
      StageResult,
      typeof once
    >(once);
    return outputs;
  };
  expect(await perform()).toEqual({ times: 1 });
  expect(await perform()).toEqual({ times: 1 });
  renameSync(path.join(data, 'calibration.txt'), path.join(data, 'away.txt'));
  await expect(perform()).rejects.toMatchObject({ type: 'Crashed', nonRetryable: false });
  renameSync(path.join(data, 'away.txt'), path.join(data, 'calibration.txt'));
  expect(await perform()).toEqual({ times: 1 });
  write('calibration.txt', 'train/a/7.JPEG 0', 'train/b/6.JPEG 1');
  expect(await perform()).toEqual({ times: 2 });
  vi.stubEnv('NAS_DATA', path.join(data, 'elsewhere'));
  const [alone] = await forecast(plan(), resultsRoot());
  expect(alone).toMatchObject({
    will: 'run',
    why: expect.stringContaining('the lists of its images, which are not here'),
  });
});

test('a list that the system cannot read is no missing list: nothing is guessed of it', () => {
  rmSync(path.join(data, 'calibration.txt'));
  mkdirSync(path.join(data, 'calibration.txt'));
  expect(() => pinLists(dataset())).toThrow(/calibration\.txt: expected a file that can be read, got EISDIR/);
  expect(() => checkLists(dataset())).toThrow(FileFault);
});

function messageOf(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('a list that is not as its part says is refused when the pipeline is loaded', () => {
  const { parts, ...config } = dataset();
  const refusal = (changes: object): string => {
    const changed = { ...config, parts: { ...parts, selection: { ...parts.selection, ...changes } } };
    const set = [`with.dataset=${JSON.stringify(changed)}`, 'with.n_classes=2', 'with.calibration.batches=1'];
    return messageOf(() => loadPipeline('pipelines/standalone.yml', { set }));
  };
  expect(refusal({ images: 3 })).toMatch(/valid_part2500\.txt: expected 3 images, .*, got 2; write the list anew/);
  expect(refusal({ sha256: '0'.repeat(64) })).toMatch(
    /valid_part2500\.txt: expected sha256 0{64}, .*, got \w{64}; the list was changed: restore it, or start another run/,
  );
});

const refusalOf = (): string => messageOf(() => checkLists(dataset())).replaceAll(`${data}/`, '');

test('an image twice in a list, under two labels or in two parts that share none is refused with its lines', async () => {
  expect(refusalOf()).toBe('');
  const rest = ['train/a/1.JPEG 0', 'train/b/2.JPEG 1', 'train/a/3.JPEG 0'];
  write('train_rest.txt', ...rest, 'train/a/1.JPEG 0');
  expect(refusalOf()).toBe(
    'train_rest.txt:4: expected each image once, got train/a/1.JPEG as in line 1; take one of them out',
  );
  write('train_rest.txt', ...rest, 'train/a/1.JPEG 1');
  expect(refusalOf()).toBe(
    'train_rest.txt:4: expected class 0 of train/a/1.JPEG, as line 1 says, got 1; correct one of them',
  );
  write('train_rest.txt', ...rest, 'train/b/6.JPEG 1');
  expect(refusalOf()).toBe(
    'calibration.txt:2: expected no image of train_rest.txt, got train/b/6.JPEG (train_rest.txt:4); take it out of one of them',
  );
  await expect(openDataset(dataset())).rejects.toThrow('expected no image of');
  write('train_rest.txt', ...rest, 'val/b/2.JPEG 1');
  expect(refusalOf()).toMatch(/^valid_part2500\.txt:2: expected no image of train_rest\.txt, .*\nvalid\.txt:2: /);
});

test.each(['./train/b/6.JPEG', 'train//b/6.JPEG', 'val/../train/b/6.JPEG', 'train/./b/6.JPEG', '/train/b/6.JPEG'])(
  'an image is the same however its path is written: %s',
  (written) => {
    const image = written.startsWith('/') ? `${data}${written}` : written;
    write('train_rest.txt', 'train/a/1.JPEG 0', 'train/b/2.JPEG 1', 'train/a/3.JPEG 0', `${image} 1`);
    expect(refusalOf()).toMatch(/^calibration\.txt:2: expected no image of train_rest\.txt, got train\/b\/6\.JPEG /);
  },
);

test('the test may hold what selects and what measures, of the same classes; these two share nothing', () => {
  write('valid.txt', 'val/a/1.JPEG 0', 'val/b/2.JPEG 0', 'val/a/3.JPEG 0', 'val/b/4.JPEG 1');
  expect(refusalOf()).toBe(
    'valid.txt:2: expected class 1 of val/b/2.JPEG, as valid_part2500.txt:2 says, got 0; correct one of them',
  );
  write('valid.txt', 'val/a/1.JPEG 0', 'val/b/2.JPEG 1', 'val/a/3.JPEG 0', 'val/b/4.JPEG 1');
  write('valid_ground_truth.txt', 'val/a/3.JPEG 0', 'val/b/2.JPEG 1');
  expect(refusalOf()).toMatch(/^valid_ground_truth\.txt:2: expected no image of valid_part2500\.txt, got val\/b\/2/);
});

test('one list for two parts that share no image is refused by its name alone', () => {
  const { parts, ...config } = dataset();
  const found = ImageList.safeParse({ ...config, parts: { ...parts, calibration: parts.training } });
  expect(found.error!.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`)).toEqual([
    'parts.calibration.list: expected a list that shares no image with training, got the same list; name another',
    'parts.ground-truth-training.list: expected a list that shares no image with calibration, got the same list; name another',
  ]);
});
