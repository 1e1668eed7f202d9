import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { arePure, parseThresholds, placeOf, readThresholds, THRESHOLDS } from './thresholds.ts';
import type { Thresholds } from './thresholds.ts';

/** How a measurement ends that finds less than the threshold: not with 1, as Node does whatever goes wrong. */
export const BELOW = 3;

/** `timeout` ends with one of these where it had to end the command. */
const TOO_LATE: readonly (number | null)[] = [124, 137];

interface Check {
  readonly root: string;
  /** A commit. Without it: where this branch left the main one; on the main one the commit before. */
  readonly since: string | undefined;
  /** Measures the file whose path is added to it. */
  readonly command: readonly string[];
  /** For all files together. */
  readonly limitSeconds: number;
  readonly say: (line: string) => void;
}

/**
 * Measures the files whose share can have fallen since a commit: those with a threshold of their own that have changed
 * themselves, or whose tests or threshold have. False where one is below its threshold, or where a threshold was lowered. What
 * cannot be found out (no history, no time left, tests that are red) is said, and is no fall.
 * @throws Error where `since` is no commit
 */
export function nothingFell({ root, since, command, limitSeconds, say }: Check): boolean {
  const end = performance.now() + 1000 * limitSeconds;
  const base = baseOf(root, since);
  const changed = base === undefined ? undefined : git(root, 'diff', '--name-only', '--no-renames', '-z', base, '--');
  if (base === undefined || changed === undefined) {
    say('passed over: what has changed, for git knows no earlier commit here');
    return true;
  }
  const thresholds = readThresholds(root);
  const before = thresholdsAt(root, base);
  const lowered = loweredOnes(root, before, thresholds);
  lowered.forEach(say);

  const paths = changed.split('\0');
  const files = filesToMeasure(root, paths, before, thresholds);
  const others = paths.filter(
    (file) => placeOf(file, thresholds) !== undefined && !files.includes(file) && existsSync(path.join(root, file)),
  );
  if (others.length > 0)
    say(`passed over: ${others.join(', ')}, with no threshold of their own; npm run mutate -- --since ${base}`);
  if (files.length === 0) say(`nothing to measure has changed since ${base.slice(0, 8)}`);

  const fallen = files.filter((file) => {
    const seconds = Math.ceil((end - performance.now()) / 1000);
    // It ends what the command has started, too, such as a test in an endless loop.
    const timed = ['--kill-after=10', String(seconds), ...command, file];
    const status = seconds > 0 ? spawnSync('timeout', timed, { cwd: root, stdio: 'inherit' }).status : 124;
    if (TOO_LATE.includes(status)) {
      say(`passed over: ${file}, for ${limitSeconds} s have gone by; npm run mutate ${file}`);
      // Stryker leaves its copy of the project where it is ended.
      rmSync(path.join(root, '.stryker-tmp'), { recursive: true, force: true, maxRetries: 5 });
    } else if (status === BELOW)
      say(`${file}: fewer changes are noticed than its threshold says; cover what is listed above`);
    else if (status !== 0) say(`passed over: ${file}, for it cannot be measured, as is said above`);
    return status === BELOW;
  });
  return lowered.length === 0 && fallen.length === 0;
}

/** What git prints; undefined where there is no git, or it refuses. */
function git(root: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 });
  return status === 0 ? stdout.trim() : undefined;
}

function baseOf(root: string, since: string | undefined): string | undefined {
  const commit = (name: string): string | undefined =>
    git(root, 'rev-parse', '--verify', '--quiet', `${name}^{commit}`);
  if (since !== undefined) {
    const named = commit(since);
    if (named === undefined) throw new Error(`--changed: expected a commit, got ${since}; see git log`);
    return named;
  }
  // Unpacked somewhere inside another project's checkout, that project's history says nothing.
  if (git(root, 'rev-parse', '--show-prefix') !== '') return undefined;
  const head = commit('HEAD');
  const forks = ['origin/HEAD', 'origin/main', 'main'].map((trunk) => git(root, 'merge-base', 'HEAD', trunk));
  return forks.find((fork) => fork !== undefined && fork !== head) ?? commit('HEAD~1');
}

/** None where the file was not there yet, or had another form. */
function thresholdsAt(root: string, commit: string): Thresholds | undefined {
  try {
    return parseThresholds(git(root, 'show', `${commit}:${THRESHOLDS}`) ?? '');
  } catch {
    return undefined;
  }
}

function loweredOnes(root: string, before: Thresholds | undefined, now: Thresholds): string[] {
  return Object.entries(before ?? {}).flatMap(([place, { noticed }]) => {
    const is = now[place]?.noticed ?? null;
    if (noticed === null || (is !== null && is >= noticed) || !existsSync(path.join(root, place))) return [];
    return [`${place}: expected a threshold of at least ${noticed}, got ${is ?? 'none'}; thresholds only rise`];
  });
}

function filesToMeasure(
  root: string,
  changed: readonly string[],
  before: Thresholds | undefined,
  now: Thresholds,
): string[] {
  return Object.entries(now)
    .filter(([place, { tests, noticed }]) => {
      if (noticed === null || !place.endsWith('.ts') || !existsSync(path.join(root, place))) return false;
      const isNew = before !== undefined && (before[place]?.noticed !== noticed || before[place].tests !== tests);
      return isNew || changed.some((file) => file === place || path.matchesGlob(file, tests));
    })
    .toSorted(([, a], [, b]) => Number(arePure(b.tests)) - Number(arePure(a.tests)))
    .map(([place]) => place);
}
