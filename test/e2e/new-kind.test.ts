import { execFile, execFileSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test, vi } from 'vitest';
import { cacheFolder, home, root } from '../../runtime/layout.ts';
import { nas, RunningNas } from '../support/nas.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 150_000, hookTimeout: 60_000 });

const folder = sharedFolder();
const copy = path.join(folder, 'copy');
const environment = {
  NAS_RUNTIME: home,
  NAS_HOME: path.join(folder, 'home'),
  NAS_RESULTS: path.join(copy, 'results'),
  NAS_CACHE: cacheFolder(),
};

/** Changes the copy as the two blocks of code in CONTRIBUTING.md say. */
function addKind(): void {
  const guide = readFileSync(path.join(copy, 'CONTRIBUTING.md'), 'utf8');
  const blocks = [...guide.matchAll(/```ts\n\/\/ (\S+)\n([^]*?)```/g)].map(([, file, code]) => ({ file, code }));
  expect(blocks.map(({ file }) => file)).toEqual(['nas/evaluation/subnet-costs.ts', 'pipelines/kinds/catalogue.ts']);
  const [work, entry] = blocks.map(({ code = '' }) => code);
  writeFileSync(path.join(copy, 'nas/evaluation/subnet-costs.ts'), work!);
  const catalogue = path.join(copy, 'pipelines/kinds/catalogue.ts');
  const before = readFileSync(catalogue, 'utf8');
  const after = before
    .replace(/^/, "import { SubnetCostsConfig, subnetCosts } from '../../nas/evaluation/subnet-costs.ts';\n")
    .replace('export const kinds', `${entry!}\nexport const kinds`)
    .replace(/\[\s*trainSupernet,/, '[costing, trainSupernet,');
  writeFileSync(catalogue, after);
}

beforeAll(() => {
  const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
  for (const file of tracked.filter((name) => !/^(test|bench|docs)\//.test(name))) {
    cpSync(path.join(root, file), path.join(copy, file), { preserveTimestamps: true });
  }
  // What the clone has compiled, so that the copy has only the kind to compile.
  cpSync(path.join(root, '.compiled'), path.join(copy, '.compiled'), { recursive: true, preserveTimestamps: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  addKind();
});

test('the kind that CONTRIBUTING.md adds type-checks, is planned, and runs from the list to its file', async () => {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const types = promisify(execFile)(process.execPath, [tsc, '--noEmit'], { cwd: copy });
  const file = path.join(copy, 'pipelines/costs.yml');
  writeFileSync(
    file,
    `name: costs
config: [common.yml, fashion.yml]
stages:
  costs: { uses: subnet-costs, with: { subnets: configs/subnets/fashion-bench-bands.txt } }
  said: { uses: command, needs: costs, with: { run: [echo, "\${{ stages.costs.table.file }}"] } }
`,
  );
  const wrong = await nas(['plan', file, '--set', 'stages.costs.with.subnets=README.md'], environment, copy, copy);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/^--set .*: expected a list of subnets/) });
  const up = new RunningNas(['up', '--json'], environment, copy);
  try {
    await up.prints('"devices"');
    expect(await nas(['start', file, '--watch'], environment, copy, copy)).toMatchObject({ stderr: '', code: 0 });
  } finally {
    await up.interrupt();
  }
  const table = readFileSync(path.join(copy, 'results/costs/costs/costs.csv'), 'utf8').split('\n');
  expect(table.slice(0, 1)).toEqual(['subnet,parameters']);
  expect(table).toHaveLength(112 + 2);
  await types;
});
