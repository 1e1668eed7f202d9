import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The packages that a verb loads, by their names. */
function packagesOf(...verb: string[]): Set<string> {
  const folder = temporaryFolder();
  const list = path.join(folder, 'modules.txt');
  const hooks = path.resolve('test/support/note-modules.mjs');
  execFileSync(process.execPath, ['--import', hooks, 'cli/nas.mjs', ...verb], {
    env: { ...process.env, NAS_MODULES: list, NAS_RESULTS: folder },
    stdio: 'ignore',
  });
  const modules = readFileSync(list, 'utf8').trim().split('\n');
  // A bundle says at the top of each module's code where it is from.
  const bundles = modules.filter((url) => url.includes('/.compiled/cli-')).map((url) => fileURLToPath(url));
  const bundled = bundles.flatMap((file) => readFileSync(file, 'utf8').match(/^\/\/ .*node_modules\/.*$/gm) ?? []);
  const found = [...modules, ...bundled].flatMap(
    (name) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(name)?.[1] ?? [],
  );
  return new Set(found);
}

const server = /^@temporalio|^@grpc|^@tensorflow|^koffi/;

test('nas plan loads no package of Temporal or TensorFlow', () => {
  const packages = packagesOf('plan', 'pipelines/quickstart.yml');
  expect(packages).toContain('js-yaml');
  expect([...packages].filter((name) => server.test(name))).toEqual([]);
});

test('a verb that asks the server does load them, so the test above can fail', () => {
  expect([...packagesOf('status', '--help')].filter((name) => server.test(name))).toContain('@temporalio/client');
});
