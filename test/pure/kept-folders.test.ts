import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { FolderKeeper } from '../../artifacts/kept-folders.ts';
import type { KeptFolder } from '../../artifacts/kept-folders.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const one: KeptFolder = {
  changed: 5,
  bytes: 7,
  shared: [[1, 2]],
  below: { a: { changed: null, bytes: 0, below: {} } },
};
const two: KeptFolder = { changed: null, bytes: 1, below: {} };

const filesIn = (cache: string): string[] => readdirSync(cache, { recursive: true, encoding: 'utf8' }).toSorted();

test('what was seen of runs is kept by their results folder, until it is forgotten', () => {
  const cache = temporaryFolder();
  const [keeper, other] = [new FolderKeeper('/a', cache), new FolderKeeper('/b', cache)];
  expect([keeper.runs(), keeper.read('one')]).toEqual([[], null]);
  keeper.forget('one');
  keeper.keep('one', two);
  keeper.keep('one', one);
  keeper.keep('two', two);
  expect(keeper.runs()).toEqual(['one', 'two']);
  expect([keeper.read('one'), keeper.read('two')]).toEqual([one, two]);
  expect([other.runs(), other.read('one')]).toEqual([[], null]);
  expect(new FolderKeeper('/x/../a', cache).read('one')).toEqual(one);
  keeper.forget('one');
  expect([keeper.runs(), keeper.read('one')]).toEqual([['two'], null]);
});

test.each(['{', 'null', '5', '"form"', '{}', '{"form":2,"folder":{}}'])('a file that says %s keeps nothing', (text) => {
  const cache = temporaryFolder();
  const keeper = new FolderKeeper('/a', cache);
  keeper.keep('one', one);
  const [file = ''] = filesIn(cache).filter((name) => name.endsWith('.json'));
  writeFileSync(path.join(cache, file), text);
  expect(keeper.read('one')).toBeNull();
  keeper.keep('one', one);
  expect(keeper.read('one')).toEqual(one);
});

test('where nothing can be kept, nothing is, and nothing is left behind', () => {
  const cache = temporaryFolder();
  const keeper = new FolderKeeper('/a', cache);
  keeper.keep('two', two);
  const [folder = ''] = filesIn(cache).filter((name) => name.endsWith('two.json'));
  mkdirSync(path.join(cache, path.dirname(folder), 'one.json/full'), { recursive: true });
  const before = filesIn(cache);
  keeper.keep('one', one);
  expect(filesIn(cache)).toEqual(before);
  const file = path.join(cache, 'file');
  writeFileSync(file, '');
  const nowhere = new FolderKeeper('/a', file);
  nowhere.keep('one', one);
  expect([nowhere.runs(), nowhere.read('one')]).toEqual([[], null]);
});
