import path from 'node:path';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { projectRoot } from '../../runtime/layout.ts';

/** Licences under which software may be part of software under Apache-2.0, if it is named. */
const PERMISSIVE = new Set(
  'Apache-2.0 MIT MIT-0 ISC BSD-2-Clause BSD-3-Clause 0BSD BlueOak-1.0.0 PSF-2.0 Unlicense CC-BY-4.0 CC0-1.0'.split(
    ' ',
  ),
);
/** Packages with another licence, or none in their package.json, and why that is right. */
const EXCEPTIONS: Readonly<Record<string, RegExp>> = {
  'libvips, a shared library that anybody may exchange': /^LGPL-3\.0-or-later @img\/sharp-/,
  'its LICENSE file is the Unlicense': /^none unionfs$/,
  'used by tests and builds alone, and unchanged': /^MPL-2\.0 (lightningcss|axe-core)/,
};

const Lock = z.object({ packages: z.record(z.string(), z.object({ license: z.string().optional() })) });

function refused(lock: z.infer<typeof Lock>): string[] {
  const found = Object.entries(lock.packages).filter(([place]) => place !== '');
  return found.flatMap(([place, { license = 'none' }]) => {
    // Of several that hold together each one counts; of several to choose from one is enough.
    const needed = license.replaceAll(/[()]/g, '').split(' AND ');
    const wrong = needed.filter((one) => !one.split(' OR ').some((choice) => PERMISSIVE.has(choice)));
    return wrong
      .map((one) => `${one} ${place.replace(/^.*node_modules\//, '')}`)
      .filter((named) => !Object.values(EXCEPTIONS).some((exception) => exception.test(named)));
  });
}

test.each(['package-lock.json', 'docs/package-lock.json'])('%s: every package may be used here', (file) => {
  const lock = Lock.parse(JSON.parse(readFileSync(path.join(projectRoot, file), 'utf8')));
  expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
  expect(refused(lock)).toEqual([]);
});

test('a licence that obliges whoever uses it is refused, and one that leaves a choice is not', () => {
  const packages = {
    '': { license: 'proprietary' },
    'node_modules/a': { license: 'GPL-3.0-only' },
    'node_modules/b': { license: '(MIT OR GPL-3.0-only)' },
    'node_modules/c/node_modules/@d/e': { license: 'MIT AND AGPL-3.0-only' },
    'node_modules/f': {},
  };
  expect(refused({ packages })).toEqual(['GPL-3.0-only a', 'AGPL-3.0-only @d/e', 'none f']);
});
