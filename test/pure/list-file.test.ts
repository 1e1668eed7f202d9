import { expect, test } from 'vitest';
import { parseImageList } from '../../nas/data/list-file.ts';

const parsed = (text: string, classes = 20) => parseImageList(Buffer.from(text), 'a.txt', classes);

test('the class of a line is what follows its last space, so paths may hold spaces, at their beginning too', () => {
  const list = parsed('a b.png 12\n c.png 3\nd.png 0');
  expect(list.size).toBe(3);
  expect([...list.labels]).toEqual([12, 3, 0]);
  expect([0, 1, 2].map((line) => list.path(line))).toEqual(['a b.png', ' c.png', 'd.png']);
  expect(parsed('').size).toBe(0);
});

test.each(['x.png 0x10', 'x.png 20', 'x.png -1', 'x.png 1.5', 'x.png 1a', 'x.png', ' 3', '', 'x.png '])(
  'the line %j is refused with its place',
  (line) => {
    expect(() => parsed(`a.png 1\n${line}\nb.png 2\n`)).toThrow(
      `a.txt:2: expected a path, a space and a class 0..19, got ${JSON.stringify(line)}; correct the line`,
    );
  },
);

test('a long line is quoted in part', () => {
  const line = 'x'.repeat(300);
  expect(() => parsed(line)).toThrow(`got ${JSON.stringify(line.slice(0, 120))}; correct`);
});

test('a path has one hash however it is written, and another path another one', () => {
  const ways = ['a/b.png', './a/b.png', 'a//b.png', 'c/../a/b.png', '/pictures/a/b.png', 'a/./b.png'];
  const list = parsed(`${ways.map((way) => `${way} 1\n`).join('')}a/c.png 1\na/.b.png 1\n..a/b.png 1`);
  const hashes = Array.from({ length: list.size }, (_, line) => list.pathHash(line, '/pictures'));
  expect(new Set(hashes.slice(0, ways.length)).size).toBe(1);
  expect(new Set(hashes).size).toBe(4);
  for (const hash of hashes) expect(Number.isSafeInteger(hash) && hash >= 0).toBe(true);
});
