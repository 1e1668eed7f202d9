import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  checkRunId,
  isS3,
  logName,
  manifestName,
  manifestNumber,
  mayHoldStages,
  PathError,
  placeOf,
  projectFile,
  projectRoots,
  rankOfLog,
  referenceTo,
  resultsRoot,
  rootBelow,
  shippedFile,
} from '../../artifacts/paths.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('a link leads nowhere but below the results, whatever the folder beside them is called', () => {
  const folder = temporaryFolder();
  const root = path.join(folder, 'results');
  for (const name of ['results/run', 'results-of-others', 'other'])
    mkdirSync(path.join(folder, name), { recursive: true });
  const linked = (target: string): string => {
    const name = `to-${path.basename(target)}`;
    symlinkSync(target, path.join(root, name));
    return placeOf(root, `${name}/file`);
  };
  expect(linked(path.join(root, 'run'))).toBe(path.join(root, 'to-run/file'));
  expect(linked(root)).toBe(path.join(root, 'to-results/file'));
  for (const outside of ['results-of-others', 'other', '.']) {
    expect(() => linked(path.join(folder, outside)), outside).toThrow(PathError);
  }
});

test.each(['/absolute', '', 'a//b', 'a/', './a', 'a/../b', '..', 'a\0b', String.raw`a\b`])(
  'the path %j is none below the results',
  (relative) => {
    expect(() => placeOf('/results', relative)).toThrow(
      `results path: expected one relative to the results folder without '.' or '..', got ${JSON.stringify(relative)}; correct the name`,
    );
  },
);

test('a path of what is not there yet is below the results, and is named by it again', () => {
  const root = temporaryFolder();
  const place = placeOf(root, 'run/one-shot/..a');
  expect(place).toBe(path.join(root, 'run/one-shot/..a'));
  expect(referenceTo(root, place)).toBe('run/one-shot/..a');
  expect(placeOf(path.join(root, 'none'), 'run')).toBe(path.join(root, 'none/run'));
  symlinkSync(path.join(root, 'nowhere'), path.join(root, 'dangling'));
  expect(placeOf(root, 'dangling/file')).toBe(path.join(root, 'dangling/file'));
});

test('manifests and logs are known by their names, and by no others', () => {
  expect([0, 1, 12].map(manifestName)).toEqual(['manifest.json', 'manifest.1.json', 'manifest.12.json']);
  const manifests = [
    'manifest.7.json',
    'manifest.120.json',
    'manifest.json',
    'manifest.0.json',
    'manifest.01.json',
    'amanifest.1.json',
    'manifest.1.jsona',
  ];
  expect(manifests.map(manifestNumber)).toEqual([7, 120, 0, 0, 0, 0, 0]);
  expect([0, 1, 12].map(logName)).toEqual(['trainer.log', 'trainer.1.log', 'trainer.12.log']);
  const logs = [
    'trainer.log',
    'trainer.7.log',
    'trainer.120.log',
    'trainer.0.log',
    'trainer.01.log',
    'atrainer.1.log',
    'trainer.1.loga',
  ];
  expect(logs.map(rankOfLog)).toEqual([0, 7, 120, null, null, null, null]);
});

test('stages are looked for in no folder that a stage keeps its own files in', () => {
  const names = ['one-shot', 'older', 'checkpoints', 'json_results', 'chunks', '.pending'];
  expect(names.filter(mayHoldStages)).toEqual(['one-shot']);
});

test('a run id names a folder and a workflow', () => {
  const long = 'a'.repeat(100);
  for (const id of ['a', '7', 'Run-1_b.c:d', long]) expect(checkRunId(id)).toBe(id);
  for (const id of ['', '-a', '.a', 'a b', 'a/b', 'é', `${long}a`, 'a\n']) {
    expect(() => checkRunId(id), id).toThrow(
      `the first a letter or digit, got ${JSON.stringify(id)}; choose another id`,
    );
  }
});

test('results lie where NAS_RESULTS says, a folder or a bucket, and below that', () => {
  expect(resultsRoot({ NAS_RESULTS: '/data/results' })).toBe('/data/results');
  expect(resultsRoot({ NAS_RESULTS: 's3://bucket/a?region=x' })).toBe('s3://bucket/a?region=x');
  expect(path.basename(resultsRoot({}))).toBe('results');
  expect(resultsRoot({ NAS_RESULTS: '' })).toBe(resultsRoot({}));
  expect(path.isAbsolute(resultsRoot({ NAS_RESULTS: 'mine' }))).toBe(true);
  expect([isS3('s3://a'), isS3('/s3://a'), isS3('s3:/a')]).toEqual([true, false, false]);
  expect(rootBelow('/data', 'check')).toBe('/data/check');
  expect(rootBelow('s3://bucket/a//?region=x', 'check')).toBe('s3://bucket/a/check?region=x');
  expect(rootBelow('s3://bucket', 'check')).toBe('s3://bucket/check');
});

test("a file of the project is a person's own, or else the one that comes with the code", () => {
  expect(path.relative(path.join(import.meta.dirname, '../..'), shippedFile('configs/a.yml'))).toBe('configs/a.yml');
  expect(projectRoots).toContain(path.dirname(shippedFile('package.json')));
  expect(projectFile('package.json')).toBe(shippedFile('package.json'));
  expect(projectFile('pipelines/none.yml')).toBe(path.join(projectRoots[0]!, 'pipelines/none.yml'));
});
