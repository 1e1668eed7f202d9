import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { PathError, placeOf } from '../../artifacts/paths.ts';
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
