import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../../runtime/layout.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A clone of two modules and a file that they read, before anything of it was compiled. */
function smallClone() {
  const clone = temporaryFolder();
  for (const folder of ['runtime', 'cli', 'configs']) mkdirSync(path.join(clone, folder));
  for (const file of ['runtime/compile.mjs', 'runtime/bundle.mjs'])
    cpSync(path.join(root, file), path.join(clone, file));
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

test('a bundled command line says what the TypeScript says now, and bundles of the last day stay for who began with them', () => {
  const { clone, put } = smallClone();
  const compiled = path.join(clone, '.compiled');
  const bundles = (): string[] => readdirSync(compiled).filter((entry) => entry.startsWith('cli-'));
  const said = (): string => {
    const program = `const { bundleOfClone } = await import('./runtime/bundle.mjs'); await import(await bundleOfClone());`;
    return execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: clone, encoding: 'utf8' });
  };
  expect([said(), said()]).toEqual(['one\n', 'one\n']);
  const [first] = bundles();
  expect(bundles()).toHaveLength(1);
  put('cli/words.ts', `export const words: readonly string[] = ['two'];`);
  expect(said()).toBe('two\n');
  expect(bundles()).toHaveLength(2);
  utimesSync(path.join(compiled, first!), 1e9, 1e9);
  put('cli/words.ts', `export const words: readonly string[] = ['three'];`);
  expect(said()).toBe('three\n');
  expect(bundles()).toHaveLength(2);
  expect(bundles()).not.toContain(first);
});
