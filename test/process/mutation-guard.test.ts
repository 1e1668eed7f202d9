import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { BELOW, nothingFell } from '../mutation/changed.ts';
import { placeOf, readThresholds } from '../mutation/thresholds.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Real checkouts, in which what measures a file is a script that ends as the file's name says.

const person = ['-c', 'user.name=n', '-c', 'user.email=n@example.org', '-c', 'commit.gpgsign=false'];

const MEASURE = `
printf '%s ' "$1" >> measured
case $1 in
  *hangs*) mkdir -p .stryker-tmp/copy; sleep 1000 ;;
  *falls*) exit ${BELOW} ;;
  *breaks*) exit 1 ;;
esac
`;

const entry = (noticed: number | null, tests = 'test/pure/none.test.ts'): object => ({ tests, noticed });

/** A checkout of one commit. */
class Checkout {
  readonly folder: string;

  constructor(folder = temporaryFolder()) {
    this.folder = folder;
  }

  static ofFiles(...files: string[]): Checkout {
    const checkout = new Checkout();
    checkout.git('init', '--quiet', '--initial-branch=main');
    checkout.commit(Object.fromEntries(files.map((file) => [file, 'old'])), {
      ...Object.fromEntries(files.map((file) => [file, entry(80)])),
      nas: entry(80),
    });
    return checkout;
  }

  git(...args: string[]): string {
    return execFileSync('git', [...person, ...args], { cwd: this.folder, encoding: 'utf8' }).trim();
  }

  write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(this.folder, name)), { recursive: true });
      writeFileSync(path.join(this.folder, name), text);
    }
  }

  commit(files: Record<string, string>, thresholds?: Record<string, object>): string {
    this.write(files);
    if (thresholds) this.write({ 'test/mutation/thresholds.json': JSON.stringify(thresholds) });
    this.git('add', '.');
    this.git('commit', '--quiet', '--message=m');
    return this.git('rev-parse', 'HEAD');
  }

  /** What the guard answers, says and measures. */
  guard(since?: string, limitSeconds = 600): { isFine: boolean; said: string[]; measured: string[] } {
    const program = path.join(temporaryFolder(), 'measure.sh');
    writeFileSync(program, MEASURE);
    writeFileSync(path.join(this.folder, 'measured'), '');
    const said: string[] = [];
    const command = ['sh', program];
    const isFine = nothingFell({ root: this.folder, since, command, limitSeconds, say: (line) => said.push(line) });
    const measured = readFileSync(path.join(this.folder, 'measured'), 'utf8').trim().split(' ');
    return { isFine, said, measured: measured.filter((file) => file !== '') };
  }
}

test('files are measured whose code, tests or threshold have changed, and no others', () => {
  const checkout = Checkout.ofFiles('plan/a.ts', 'plan/b.ts', 'plan/c.ts', 'plan/d.ts', 'plan/gone.ts', 'nas/e.ts');
  const tests = 'test/pure/{b,x}.test.ts';
  const before = {
    'plan/a.ts': entry(80),
    'plan/b.ts': entry(80, tests),
    'plan/c.ts': entry(null),
    'plan/d.ts': entry(80),
    'plan/gone.ts': entry(80),
    nas: entry(80, 'test/pure/x.test.ts'),
  };
  checkout.commit({}, before);
  expect(checkout.guard().measured).toEqual(['plan/b.ts']);
  checkout.commit({ 'README.md': 'new' });
  expect(checkout.guard()).toEqual({
    isFine: true,
    said: [expect.stringMatching(/^nothing to measure/)],
    measured: [],
  });

  rmSync(path.join(checkout.folder, 'plan/gone.ts'));
  checkout.commit(
    { 'plan/a.ts': 'new', 'plan/d.ts': 'old', 'test/pure/x.test.ts': 'new', 'nas/e.ts': 'new' },
    { ...before, 'plan/c.ts': entry(85) },
  );
  const { isFine, said, measured } = checkout.guard();
  expect(measured).toEqual(['plan/a.ts', 'plan/b.ts', 'plan/c.ts']);
  expect(said).toEqual([expect.stringMatching(/^passed over: nas\/e.ts, with no threshold of their own/)]);
  expect(isFine).toBe(true);
});

test('files whose tests take long are measured last', () => {
  const checkout = Checkout.ofFiles('plan/a.ts', 'plan/b.ts', 'plan/c.ts');
  const shares = {
    'plan/a.ts': entry(80, 'test/process/a.test.ts'),
    'plan/b.ts': entry(80, 'test/pure/b.test.ts'),
    'plan/c.ts': entry(80, 'test/pure/c.test.ts'),
  };
  checkout.commit({}, shares);
  expect(checkout.guard().measured).toEqual(['plan/b.ts', 'plan/c.ts', 'plan/a.ts']);
});

test('a file below its threshold is no success, whatever the others are', () => {
  const checkout = Checkout.ofFiles('plan/a.ts', 'plan/falls.ts', 'plan/z.ts');
  checkout.commit({ 'plan/a.ts': 'new', 'plan/falls.ts': 'new', 'plan/z.ts': 'new' });
  const { isFine, said, measured } = checkout.guard();
  expect(isFine).toBe(false);
  expect(measured).toEqual(['plan/a.ts', 'plan/falls.ts', 'plan/z.ts']);
  expect(said).toEqual([expect.stringMatching(/^plan\/falls.ts: fewer changes are noticed/)]);
});

test('what cannot be measured, or not in time, is said and is no failure', () => {
  const checkout = Checkout.ofFiles('plan/breaks.ts', 'plan/hangs.ts', 'plan/z.ts');
  checkout.commit({ 'plan/breaks.ts': 'new' });
  expect(checkout.guard()).toEqual({
    isFine: true,
    said: ['passed over: plan/breaks.ts, for it cannot be measured, as is said above'],
    measured: ['plan/breaks.ts'],
  });
  checkout.commit({ 'plan/hangs.ts': 'new', 'plan/z.ts': 'new' });
  const { isFine, said, measured } = checkout.guard(undefined, 1);
  expect(isFine).toBe(true);
  expect(said).toEqual([
    'passed over: plan/hangs.ts, for 1 s have gone by; npm run mutate plan/hangs.ts',
    'passed over: plan/z.ts, for 1 s have gone by; npm run mutate plan/z.ts',
  ]);
  expect(measured).not.toContain('plan/z.ts');
  expect(existsSync(path.join(checkout.folder, '.stryker-tmp'))).toBe(false);
});

test('a threshold that is lowered or taken away is no success; that of a file which is gone may go', () => {
  const checkout = Checkout.ofFiles('plan/a.ts', 'plan/b.ts', 'plan/gone.ts');
  rmSync(path.join(checkout.folder, 'plan/gone.ts'));
  checkout.commit({}, { 'plan/a.ts': entry(79.9), nas: entry(80) });
  const { isFine, said } = checkout.guard();
  expect(isFine).toBe(false);
  expect(said).toEqual([
    'plan/a.ts: expected a threshold of at least 80, got 79.9; thresholds only rise',
    'plan/b.ts: expected a threshold of at least 80, got none; thresholds only rise',
  ]);
});

test('a branch is compared with where it left main, main with the commit before, a detached head as what it is', () => {
  const checkout = Checkout.ofFiles('plan/a.ts', 'plan/b.ts', 'plan/c.ts');
  const first = checkout.git('rev-parse', 'HEAD');
  const second = checkout.commit({ 'plan/a.ts': 'new' });
  const third = checkout.commit({ 'plan/b.ts': 'new' });
  expect(checkout.guard().measured).toEqual(['plan/b.ts']);
  expect(checkout.guard(first).measured).toEqual(['plan/a.ts', 'plan/b.ts']);
  expect(() => checkout.guard('nothing')).toThrow('--changed: expected a commit, got nothing');

  checkout.git('checkout', '--quiet', second);
  expect(checkout.guard().measured).toEqual(['plan/a.ts']);

  checkout.git('checkout', '--quiet', '-b', 'mine', third);
  checkout.commit({ 'plan/c.ts': 'new' });
  checkout.commit({ 'plan/a.ts': 'newer' });
  expect(checkout.guard().measured).toEqual(['plan/a.ts', 'plan/c.ts']);
  // What is not committed yet counts as well.
  checkout.write({ 'plan/b.ts': 'newer' });
  expect(checkout.guard().measured).toEqual(['plan/a.ts', 'plan/b.ts', 'plan/c.ts']);
});

test('where no earlier commit is known nothing is measured, which is said and is no failure', () => {
  const nothing = {
    isFine: true,
    said: ['passed over: what has changed, for git knows no earlier commit here'],
    measured: [],
  };
  const checkout = Checkout.ofFiles('plan/a.ts');
  expect(checkout.guard()).toEqual(nothing);

  checkout.commit({ 'plan/a.ts': 'new' });
  const shallow = new Checkout();
  shallow.git('clone', '--quiet', '--depth=1', `file://${checkout.folder}`, '.');
  expect(shallow.guard()).toEqual(nothing);
  const deeper = new Checkout();
  deeper.git('clone', '--quiet', '--depth=2', `file://${checkout.folder}`, '.');
  expect(deeper.guard().measured).toEqual(['plan/a.ts']);

  const unpacked = new Checkout();
  unpacked.write({ 'plan/a.ts': 'new', 'test/mutation/thresholds.json': '{}' });
  expect(unpacked.guard()).toEqual(nothing);
  const inside = new Checkout(path.join(checkout.folder, 'inside'));
  inside.write({ 'plan/a.ts': 'new', 'test/mutation/thresholds.json': '{}' });
  expect(inside.guard()).toEqual(nothing);
});

test('every threshold is of a place that there is, and has tests', () => {
  const root = path.resolve(import.meta.dirname, '../..');
  const thresholds = readThresholds(root);
  const files = readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.join('test', file));
  for (const [place, { tests }] of Object.entries(thresholds)) {
    expect(existsSync(path.join(root, place)), place).toBe(true);
    expect(
      files.some((file) => path.matchesGlob(file, tests)),
      place,
    ).toBe(true);
  }
  expect(placeOf('plan/choice.ts', thresholds)).toBe('plan/choice.ts');
  expect(placeOf('plan/plan.ts', thresholds)).toBe('plan');
  expect(placeOf('planning/plan.ts', thresholds)).toBeUndefined();
});
