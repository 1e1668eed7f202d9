import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { projectRoot } from '../../runtime/layout.ts';
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
type Files = Readonly<Record<string, string>>;

/** What `npm run lint` says of a project of these files: its exit code, and the rule and file of each complaint. */
function lint(files: Files): { code: number | null; found: string[] } {
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
  return { code: status, found: diagnostics.map(({ code, filename }) => `${code} ${filename}`).toSorted() };
}

const RESTRICTED = 'eslint(no-restricted-imports)';
const upTo = (folder: string): string => '../'.repeat(folder.split('/').length);

/** Imports from every folder of every other one, and the complaints that docs/architecture.md asks for. */
function arrows(): { files: Files; refused: string[] } {
  const files: Record<string, string> = {};
  const refused: string[] = [];
  for (const [folder, stands] of layers) {
    for (const other of folders.filter((one) => one !== folder)) {
      const file = `${folder}/to-${other.replace('/', '-')}.ts`;
      // From one folder of nas/ to another the way is shorter.
      const from =
        folder.startsWith('nas/') && other.startsWith('nas/') ? `../${other.slice(4)}` : upTo(folder) + other;
      files[file] = `import type { A } from '${from}/a.ts';\nexport type B = A;\n`;
      files[file.replace('to-', 'deeper/to-')] = `import { a } from '../${from}/a.ts';\nexport const b = a;\n`;
      if (!stands.includes(other)) {
        refused.push(`${RESTRICTED} ${file}`, `${RESTRICTED} ${file.replace('to-', 'deeper/to-')}`);
      }
    }
  }
  return { files, refused };
}

const circle = {
  'pipelines/circle-a.ts': "import type { B } from './circle-b.ts';\nexport interface A {\n  readonly b: B;\n}\n",
  'pipelines/circle-b.ts': "import type { A } from './circle-a.ts';\nexport interface B {\n  readonly a: A;\n}\n",
};

const packages: Readonly<Record<string, { readonly wrong: readonly string[]; readonly fine: readonly string[] }>> = {
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

/** Imports of those packages, and the complaints about the wrong ones. */
function packageImports(): { files: Files; refused: string[] } {
  const imports = Object.entries(packages).flatMap(([folder, { wrong, fine }]) =>
    [...wrong, ...fine].map((name, at) => ({ name, file: `${folder}/package-${at}.ts`, isWrong: at < wrong.length })),
  );
  const texts = imports.map(({ name, file }) => [file, `import { a } from '${name}';\nexport const b = a;\n`]);
  const refused = imports.filter(({ isWrong }) => isWrong).map(({ file }) => `${RESTRICTED} ${file}`);
  return { files: Object.fromEntries(texts), refused };
}

const typesOfPackages = {
  'plan/types.ts': "import type { A } from '@temporalio/common';\nexport type B = A;\n",
};

/** What a test can do to the others of its process, where they share one and where they do not. */
const meddling = Object.fromEntries(
  ['pure', 'tensor', 'workflow', 'process'].map((folder) => [
    `test/${folder}/meddles.test.ts`,
    "import { vi } from 'vitest';\nvi.resetModules();\nvi.mock('node:fs');\nvi.doMock('node:fs');\nprocess.chdir('/');\n",
  ]),
);

describe('npm run lint', () => {
  const [arrow, ofPackages] = [arrows(), packageImports()];
  let linted: ReturnType<typeof lint> | undefined;
  const ofAll = (): ReturnType<typeof lint> =>
    (linted ??= lint({ ...arrow.files, ...circle, ...ofPackages.files, ...typesOfPackages, ...meddling }));
  const about = (files: Files): string[] =>
    ofAll().found.filter((one) => Object.hasOwn(files, one.split(' ')[1] ?? ''));

  test('refuses every arrow that docs/architecture.md does not have, of types too', () => {
    expect(layers.size).toBe(20);
    expect(ofAll().code).toBe(1);
    expect(about(arrow.files).filter((one) => one.startsWith(RESTRICTED))).toEqual(arrow.refused.toSorted());
  });

  test('refuses a circle, be it of types alone', () => {
    expect(about(circle)).toEqual(Object.keys(circle).map((file) => `import(no-cycle) ${file}`));
  });

  test('refuses packages that a folder may not take', () => {
    const refused = about(ofPackages.files).filter((one) => one.startsWith(RESTRICTED));
    expect(refused).toEqual(ofPackages.refused.toSorted());
  });

  test('lets plan take types of packages', () => {
    expect(about(typesOfPackages)).toEqual([]);
  });

  test('refuses what would reach the other tests of a process', () => {
    const refused = Object.keys(meddling).filter((file) => !file.startsWith('test/process/'));
    const four = refused.flatMap((file) => Array.from({ length: 4 }, () => `eslint(no-restricted-properties) ${file}`));
    expect(about(meddling)).toEqual(four);
  });

  test('ends with 0 where nothing is wrong', () => {
    expect(lint(typesOfPackages)).toEqual({ code: 0, found: [] });
  });
});
