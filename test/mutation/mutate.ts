// npm run mutate [FOLDER | FILE …] [-- --since COMMIT] [-- --keep] [-- --sample PERCENT]: changes the code in small ways, one at a
// time, and says which changes no test notices. Each folder has a share that must be noticed (thresholds.json); --keep writes down a
// better one. --sample tries so many changes in a hundred; without it as many as thresholds.json says, or all.
// npm run mutate -- --changed [COMMIT]: only the files whose share can have fallen, within some minutes.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';
import { BELOW, nothingFell } from './changed.ts';
import { areElsewhere, askGateway, placeOf, readThresholds, writeThresholds } from './thresholds.ts';
import type { Thresholds } from './thresholds.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** What is to be changed of a place that has a threshold: paths, with `:first-last` where only some lines are. */
type Wanted = ReadonlyMap<string, readonly string[]>;

/** The folders and files that are named, or all. A file with a threshold of its own is measured by that, the rest of a folder together. */
function named(paths: readonly string[], thresholds: Thresholds): Wanted {
  const wanted = new Map<string, string[]>();
  for (const given of paths.length > 0 ? paths : Object.keys(thresholds)) {
    const name = path.relative(root, path.resolve(given));
    const files = existsSync(path.join(root, name)) ? codeIn(name) : [];
    const placed = files.flatMap((file) => {
      const place = placeOf(file, thresholds);
      return place === undefined ? [] : [{ place, file }];
    });
    for (const { place, file } of placed) wanted.set(place, [...new Set([...(wanted.get(place) ?? []), file])]);
    if (placed.length === 0) {
      throw new Error(`${given}: expected a file or folder below ${Object.keys(thresholds).join(', ')}`);
    }
  }
  return wanted;
}

/** The files of code in a folder; of a file itself. */
function codeIn(name: string): string[] {
  if (!statSync(path.join(root, name)).isDirectory()) return [name];
  const within = readdirSync(path.join(root, name), { recursive: true, encoding: 'utf8' });
  return within.filter((file) => file.endsWith('.ts')).map((file) => path.join(name, file));
}

function isWhole(place: string, mutate: readonly string[], thresholds: Thresholds): boolean {
  return codeIn(place).every((file) => placeOf(file, thresholds) !== place || mutate.includes(file));
}

/** The lines that have changed since a commit. */
function changedSince(commit: string, thresholds: Thresholds): Wanted {
  const diff = execFileSync('git', ['diff', '--unified=0', '--diff-filter=d', commit, '--', '*.ts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const wanted = new Map<string, string[]>();
  let file = '';
  for (const line of diff.split('\n')) {
    if (line.startsWith('+++ b/')) file = line.slice('+++ b/'.length);
    const [, first, count = '1'] = /^@@ \S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
    const folder = placeOf(file, thresholds);
    if (first === undefined || count === '0' || folder === undefined) continue;
    const range = `${file}:${first}-${Number(first) + Number(count) - 1}`;
    wanted.set(folder, [...(wanted.get(folder) ?? []), range]);
  }
  return wanted;
}

type MutantResult = Awaited<ReturnType<Stryker['runMutationTest']>>[number];

interface Trial {
  readonly mutate: readonly string[];
  readonly tests: string;
  /** How many changes in a hundred are tried. */
  readonly sample: number;
}

async function changesOf(folder: string, { mutate, tests, sample }: Trial): Promise<MutantResult[]> {
  process.env['MUTATION_TESTS'] = tests;
  process.env['MUTATION_SAMPLE'] = String(sample);
  // The store's own tests open a bucket then, not a folder.
  process.env['NAS_S3'] = askGateway(tests) ? '1' : '';
  // The tests run in a copy, which has no runtime of its own.
  process.env['NAS_RUNTIME'] ??= path.join(root, '.runtime');
  const name = folder.replaceAll('/', '-');
  const isElsewhere = areElsewhere(tests);
  return await new Stryker({
    mutate: [...mutate],
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner', './test/mutation/sample.mjs'],
    checkers: sample < 100 ? ['sample'] : [],
    // Tests import neither workflows nor what processes do.
    vitest: { configFile: 'test/mutation/vitest.config.ts', related: !isElsewhere },
    coverageAnalysis: isElsewhere ? 'off' : 'perTest',
    concurrency: 1,
    // It would be read by the programming interface that TypeScript 7 no longer has.
    tsconfigFile: 'none.json',
    ignorePatterns: ['.runtime', '.compiled', '.cache', '.nas', 'results', 'dist', 'reports'],
    // Most are words of messages, which tests quote where they matter; one that is empty is not what goes wrong with them.
    mutator: { excludedMutations: ['StringLiteral'] },
    reporters: ['json', 'html', 'progress-append-only'],
    jsonReporter: { fileName: `reports/mutation/${name}.json` },
    htmlReporter: { fileName: `reports/mutation/${name}.html` },
    cleanTempDir: 'always',
    dryRunTimeoutMinutes: 30,
    timeoutMS: 20_000,
  }).runMutationTest();
}

function isNoticed({ status, static: isOfLoading, testsCompleted }: MutantResult): boolean {
  // All tests are run on what is carried out while they load: where none was, not one of their files could be loaded.
  const isUnloadable = isOfLoading === true && testsCompleted === 0;
  return status === 'Killed' || status === 'Timeout' || status === 'RuntimeError' || isUnloadable;
}

function lineOf({ fileName, location, mutatorName, replacement }: MutantResult): string {
  const place = `${path.relative(root, fileName)}:${location.start.line}:${location.start.column}`;
  return `${place} ${mutatorName} → ${(replacement ?? '').replaceAll(/\s+/g, ' ').slice(0, 80)}`;
}

/** What was not tried: texts, and what the sample has left out. */
const UNTRIED: readonly MutantResult['status'][] = ['Ignored', 'CompileError'];

/** Whether enough is noticed in each of them. */
async function measure(
  wanted: Wanted,
  thresholds: Thresholds,
  { isKept, given }: { readonly isKept: boolean; readonly given: number | undefined },
): Promise<boolean> {
  let isEnough = true;
  let noticedInAll = 0;
  let changesInAll = 0;
  for (const [folder, mutate] of wanted) {
    const { tests, noticed: least, sample = 100 } = thresholds[folder]!;
    if (askGateway(tests) && !process.env['NAS_TEST_S3']) {
      console.log(`passed over: ${folder}, for there is no versitygw in .cache/bin; npm run test:s3 builds one`);
      continue;
    }
    const tried = given ?? sample;
    const began = performance.now();
    const all = await changesOf(folder, { mutate, tests, sample: tried });
    const results = all.filter(({ status }) => !UNTRIED.includes(status));
    const survivors = results.filter((one) => !isNoticed(one));
    const share = results.length === 0 ? 100 : (100 * (results.length - survivors.length)) / results.length;
    for (const survivor of survivors) console.log(lineOf(survivor));
    const minutes = ((performance.now() - began) / 60_000).toFixed(1);
    const changes = all.filter(({ status }) => status !== 'Ignored').length;
    changesInAll += changes;
    noticedInAll += (share * changes) / 100;
    const drawn = tried < 100 ? `, drawn from ${changes},` : '';
    console.log(
      `${folder}: ${share.toFixed(1)} % of ${results.length} changes${drawn} noticed (at least ${least ?? 'not measured'}), ${minutes} min`,
    );
    isEnough &&= least === null || share >= least;
    if (isKept && share > (least ?? 0) && isWhole(folder, mutate, thresholds)) {
      const noticed = Math.floor(10 * share) / 10;
      thresholds[folder] = tried < 100 ? { tests, noticed, sample: tried } : { tests, noticed };
      writeThresholds(root, thresholds);
    }
  }
  if (wanted.size > 1) {
    console.log(`in all: ${((100 * noticedInAll) / changesInAll).toFixed(1)} % of ${changesInAll} changes noticed`);
  }
  return isEnough;
}

const { values, positionals } = parseArgs({
  options: {
    since: { type: 'string' },
    keep: { type: 'boolean' },
    sample: { type: 'string' },
    changed: { type: 'boolean' },
  },
  allowPositionals: true,
});
process.chdir(root);
const builtGateway = path.join(root, '.cache/bin/versitygw');
if (existsSync(builtGateway)) process.env['NAS_TEST_S3'] ??= builtGateway;
if (values.changed === true) {
  const command = [process.execPath, ...process.execArgv, import.meta.filename];
  const isFine = nothingFell({ root, since: positionals[0], command, limitSeconds: 5 * 60, say: console.log });
  process.exitCode = isFine ? 0 : 1;
} else {
  const thresholds = readThresholds(root);
  const wanted = values.since === undefined ? named(positionals, thresholds) : changedSince(values.since, thresholds);
  const given = values.sample === undefined ? undefined : Number(values.sample);
  if (given !== undefined && !(given > 0 && given <= 100)) {
    throw new Error(`--sample: expected changes in a hundred, above 0 and at most 100, got ${values.sample}`);
  }
  process.exitCode = (await measure(wanted, thresholds, { isKept: values.keep === true, given })) ? 0 : BELOW;
}
