import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { projectRoot } from '../../artifacts/paths.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What each folder may import, as docs/architecture.md says. */
const [, section = ''] = readFileSync(path.join(projectRoot, 'docs/architecture.md'), 'utf8').split(
  '## What may import what',
);
const [table = ''] = section.split('## ');
const layers = new Map(
  [...table.matchAll(/^\| `([a-z/]+)` *\| (.*) \|$/gm)].map(([, folder = '', stands = '']) => [
    folder,
    [...stands.matchAll(/`([a-z/]+)`/g)].map((one) => one[1] ?? ''),
  ]),
);
const folders = [...layers.keys(), 'bench', 'test'];

const Found = z.object({ diagnostics: z.array(z.object({ code: z.string(), filename: z.string() })) });

/** What `npm run lint` says of a project of these files: its exit code, and the rule and file of each complaint. */
function lint(files: Readonly<Record<string, string>>): { code: number | null; found: string[] } {
  const root = temporaryFolder();
  for (const file of ['package.json', '.oxlintrc.json', 'tsconfig.json']) {
    cpSync(path.join(projectRoot, file), path.join(root, file));
  }
  symlinkSync(path.join(projectRoot, 'node_modules'), path.join(root, 'node_modules'));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  const { status, stdout } = spawnSync('npm', ['run', '--silent', 'lint', '--', '--format', 'json'], {
    cwd: root,
    encoding: 'utf8',
  });
  const { diagnostics } = Found.parse(JSON.parse(stdout));
  return { code: status, found: diagnostics.map(({ code, filename }) => `${code} ${filename}`) };
}

const RESTRICTED = 'eslint(no-restricted-imports)';
const upTo = (folder: string): string => '../'.repeat(folder.split('/').length);

test('every arrow that docs/architecture.md does not have fails npm run lint, of types too', () => {
  expect(layers.size).toBe(20);
  const files: Record<string, string> = {};
  const wrong: string[] = [];
  for (const [folder, stands] of layers) {
    for (const other of folders.filter((one) => one !== folder)) {
      const file = `${folder}/to-${other.replace('/', '-')}.ts`;
      // From one folder of nas/ to another the way is shorter.
      const from =
        folder.startsWith('nas/') && other.startsWith('nas/') ? `../${other.slice(4)}` : upTo(folder) + other;
      files[file] = `import type { A } from '${from}/a.ts';\nexport type B = A;\n`;
      files[file.replace('to-', 'deeper/to-')] = `import { a } from '../${from}/a.ts';\nexport const b = a;\n`;
      if (!stands.includes(other)) wrong.push(file, file.replace('to-', 'deeper/to-'));
    }
  }
  const { code, found } = lint(files);
  expect(code).toBe(1);
  const refused = found.filter((one) => one.startsWith(RESTRICTED)).map((one) => one.slice(RESTRICTED.length + 1));
  expect(refused.toSorted()).toEqual(wrong.toSorted());
});

test('a circle fails npm run lint, be it of types alone', () => {
  const { code, found } = lint({
    'pipelines/a.ts': "import type { B } from './b.ts';\nexport interface A {\n  readonly b: B;\n}\n",
    'pipelines/b.ts': "import type { A } from './a.ts';\nexport interface B {\n  readonly a: A;\n}\n",
  });
  expect(code).toBe(1);
  expect(found.toSorted()).toEqual(['import(no-cycle) pipelines/a.ts', 'import(no-cycle) pipelines/b.ts']);
});

test('packages that a folder may not take fail npm run lint', () => {
  const taken: Readonly<Record<string, { readonly wrong: readonly string[]; readonly fine: readonly string[] }>> = {
    workflows: {
      wrong: ['node:fs', 'zod', '@temporalio/client', '@temporalio/worker', '@tensorflow/tfjs-node'],
      fine: ['@temporalio/workflow'],
    },
    plan: { wrong: ['zod', 'node:fs', '@temporalio/workflow'], fine: [] },
    'nas/space': { wrong: ['node:fs', '@temporalio/common'], fine: ['pure-rand'] },
    pipelines: { wrong: ['@temporalio/client', '@tensorflow/tfjs-node'], fine: ['zod', 'node:fs'] },
    report: { wrong: ['@temporalio/activity'], fine: ['zod'] },
    artifacts: { wrong: ['@temporalio/common'], fine: ['node:fs'] },
    'nas/supernet': { wrong: ['@tensorflow/tfjs-node', '@temporalio/activity'], fine: ['node:fs'] },
    activities: { wrong: ['@tensorflow/tfjs-node'], fine: ['@temporalio/activity'] },
    cli: { wrong: ['@tensorflow/tfjs-node'], fine: ['@temporalio/client'] },
  };
  const files: Record<string, string> = {};
  const refused: string[] = [];
  for (const [folder, { wrong, fine }] of Object.entries(taken)) {
    for (const [at, name] of [...wrong, ...fine].entries()) {
      const file = `${folder}/a${at}.ts`;
      files[file] = `import { a } from '${name}';\nexport const b = a;\n`;
      if (at < wrong.length) refused.push(`${RESTRICTED} ${file}`);
    }
  }
  const { code, found } = lint(files);
  expect(code).toBe(1);
  expect(found.filter((one) => one.startsWith(RESTRICTED)).toSorted()).toEqual(refused.toSorted());
});

test('plan may take types of packages', () => {
  expect(lint({ 'plan/a.ts': "import type { A } from '@temporalio/common';\nexport type B = A;\n" })).toEqual({
    code: 0,
    found: [],
  });
});
