import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../../runtime/layout.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A clone of two modules and a file that they read, before anything of it was compiled. */
function smallClone() {
  const clone = temporaryFolder();
  for (const folder of ['runtime', 'cli', 'configs']) mkdirSync(path.join(clone, folder));
  cpSync(path.join(root, 'runtime/compile.mjs'), path.join(clone, 'runtime/compile.mjs'));
  symlinkSync(path.join(root, 'node_modules'), path.join(clone, 'node_modules'));
  const put = (file: string, text: string): void => writeFileSync(path.join(clone, file), text);
  put('package.json', '{ "type": "module" }');
  put('cli/words.ts', `export const words: readonly string[] = ['one'];`);
  put('cli/main.ts', `import { words } from './words.ts';\nconsole.log(words.join());`);
  put('configs/list.txt', 'a person may keep gigabytes here');
  const compiled = (file: string): string => path.join(clone, '.compiled', file);
  const run = (): string => {
    execFileSync(process.execPath, [path.join(clone, 'runtime/compile.mjs')]);
    return execFileSync(process.execPath, [compiled('cli/main.js')], { encoding: 'utf8' });
  };
  return { clone, put, compiled, run };
}

test('a clone runs what its TypeScript says now, and only what changed is compiled', () => {
  const { clone, put, compiled, run } = smallClone();
  expect(run()).toBe('one\n');
  const madeFirst = statSync(compiled('cli/main.js')).ctimeMs;
  put('cli/words.ts', `export const words: readonly string[] = ['two'];`);
  expect(run()).toBe('two\n');
  expect(statSync(compiled('cli/main.js')).ctimeMs).toBe(madeFirst);
  // An older file that takes its place, as one that was put away and brought back.
  put('cli/words.ts', `export const words: readonly string[] = ['three'];`);
  utimesSync(path.join(clone, 'cli/words.ts'), 1e9, 1e9);
  expect(run()).toBe('three\n');
});

test('what is gone from a clone is gone from what was compiled, and lists of data are not copied', () => {
  const { clone, put, compiled, run } = smallClone();
  run();
  expect(statSync(compiled('configs/list.txt'), { throwIfNoEntry: false })).toBeUndefined();
  put('cli/main.ts', `console.log('alone');`);
  rmSync(path.join(clone, 'cli/words.ts'));
  expect(run()).toBe('alone\n');
  expect(statSync(compiled('cli/words.js'), { throwIfNoEntry: false })).toBeUndefined();
});

test('all is compiled anew when the compiler changed', () => {
  const { clone, compiled, run } = smallClone();
  run();
  writeFileSync(compiled('cli/main.js'), `console.log('of another compiler');`);
  const { mtime } = statSync(path.join(clone, 'cli/main.ts'));
  utimesSync(compiled('cli/main.js'), mtime, mtime);
  expect(run()).toBe('of another compiler\n');
  const maker = path.join(clone, 'runtime/compile.mjs');
  writeFileSync(maker, `${readFileSync(maker, 'utf8')}\n`);
  expect(run()).toBe('one\n');
});
