import path from 'node:path';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../../runtime/layout.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

// The tarball as a person has it: unpacked beside its dependencies, without what only the clone needs.

const folder = sharedFolder();
const modules = path.join(folder, 'node_modules');
const project = path.join(folder, 'project');

beforeAll(() => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: projectRoot });
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], { cwd: projectRoot });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  mkdirSync(modules);
  execFileSync('tar', ['xzf', path.join(folder, tarball), '-C', modules, '--transform', 's/^package/fewshot-nas/']);
  for (const name of readdirSync(path.join(projectRoot, 'node_modules'))) {
    const isOfClone = ['tsx', 'esbuild', 'typescript', 'vitest', '@tensorflow', '.bin'].includes(name);
    if (!isOfClone) symlinkSync(path.join(projectRoot, 'node_modules', name), path.join(modules, name));
  }
  mkdirSync(project);
});

/** Of somebody who has nothing of ours yet. */
function environment(): NodeJS.ProcessEnv {
  const { NAS_RUNTIME: _runtime, ...inherited } = process.env;
  return { ...inherited, HOME: path.join(folder, 'home') };
}

function nas(args: readonly string[], cwd = project): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(modules, 'fewshot-nas/cli/nas.mjs'), ...args],
    { cwd, env: environment(), encoding: 'utf8' },
  );
  return { code: status, stdout, stderr };
}

test('the installed package starts a project whose pipeline is sound, and finds it from any folder below', () => {
  const { version } = JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8'));
  expect(nas(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  const begun = JSON.parse(nas(['init', '--json']).stdout);
  expect(begun).toMatchObject({ kept: [], written: expect.arrayContaining(['pipelines/first.yml', '.gitignore']) });
  const planned = nas(['plan', 'first.yml', '--json'], path.join(project, 'pipelines'));
  expect(planned.stderr).toBe('');
  expect(JSON.parse(planned.stdout)).toMatchObject({ id: 'first', source: 'pipelines/first.yml' });
  expect(readdirSync(project).toSorted()).toEqual(['.gitignore', '.nas', 'README.md', 'configs', 'pipelines']);
});

test('files of a person are kept by nas init, and win over those that are shipped', () => {
  const config = path.join(project, 'configs/common.yml');
  writeFileSync(config, `${readFileSync(config, 'utf8')}# mine\n`);
  expect(JSON.parse(nas(['init', '--json']).stdout)).toMatchObject({ written: [] });
  expect(readFileSync(config, 'utf8')).toContain('# mine');
  const space = path.join(project, 'configs/spaces/fashion.yml');
  writeFileSync(space, 'name: broken\n');
  expect(nas(['plan', 'pipelines/first.yml'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('spaces/fashion.yml'),
  });
  rmSync(path.join(project, 'configs'), { recursive: true });
  expect(nas(['plan', 'pipelines/first.yml'])).toMatchObject({ code: 0, stderr: '' });
});

test("of Temporal's protocol verbs load what they may need, and nothing of its cloud", () => {
  const cli = path.join(modules, 'fewshot-nas/dist/cli');
  const files = readdirSync(cli).filter((file) => file.endsWith('.js'));
  const code = files.map((file) => readFileSync(path.join(cli, file), 'utf8'));
  const names = [
    'StartWorkflowExecution',
    'AddSearchAttributes',
    'HealthCheckRequest',
    'cloudservice',
    'openapiv2_swagger',
  ];
  expect(names.filter((name) => code.some((text) => text.includes(name)))).toEqual(names.slice(0, 3));
});

test('nothing is written into the package, and what its programs read is in it', () => {
  const dist = path.join(modules, 'fewshot-nas/dist');
  for (const file of [
    'nas/training/main.js',
    'nas/training/event.proto',
    'workflows/pipeline.js',
    'tfjs-node-gpu/binding/tfjs_binding.cc',
    'nas/data/images/kernels/kernels.wasm',
    'runtime/setup/unpack.py',
    'nas/data/images/loader-thread.js',
    'artifacts/s3/store-thread.js',
    'activities/program-guard.js',
  ]) {
    expect(existsSync(path.join(dist, file)), file).toBe(true);
  }
  // The program that people run lies beside it.
  expect(existsSync(path.join(dist, 'cli/nas.mjs'))).toBe(false);
  expect(readdirSync(path.join(modules, 'fewshot-nas')).toSorted()).toEqual([
    'LICENSE',
    'README.md',
    'cli',
    'dist',
    'docs',
    'package.json',
    'production',
  ]);
});

test('what the pages in the package link to is in it, too', () => {
  const root = path.join(modules, 'fewshot-nas');
  const pages = ['README.md', ...readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`)];
  const broken = pages
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) => {
      const text = readFileSync(path.join(root, page), 'utf8');
      const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target = '']) => target);
      const files = links.filter((target) => !target.includes(':'));
      return files.filter((target) => !existsSync(path.join(root, path.dirname(page), target)));
    });
  expect(broken).toEqual([]);
});

test('processes that run nas again, as nas verify-resume does, find the program that people run', () => {
  const layout = path.join(modules, 'fewshot-nas/dist/runtime/layout.js');
  const script = `const { nasProgram } = await import(${JSON.stringify(layout)}); console.log(nasProgram);`;
  const asked = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(asked.stdout.trim()).toBe(path.join(modules, 'fewshot-nas/cli/nas.mjs'));
});

test('a verb reads a few files, not hundreds, and what it stands on is named with its licence', () => {
  const list = path.join(folder, 'modules.txt');
  const program = path.join(modules, 'fewshot-nas/cli/nas.mjs');
  const hooks = path.join(projectRoot, 'test/support/note-modules.mjs');
  const read = (...args: string[]): number => {
    writeFileSync(list, '');
    spawnSync(process.execPath, ['--import', hooks, program, ...args], {
      cwd: project,
      env: { ...environment(), NAS_MODULES: list },
    });
    return new Set(readFileSync(list, 'utf8').match(/^file:.*$/gm)).size;
  };
  expect(read('--help')).toBeLessThan(12);
  expect(read('status', '--help')).toBeLessThan(40);
  const licences = readFileSync(path.join(modules, 'fewshot-nas/dist/cli/LICENSES.txt'), 'utf8');
  for (const name of ['@temporalio/client', 'commander', 'zod']) expect(licences).toContain(`\n${name} `);
});

test('pipelines that are shipped are found from a project, and remedies name the package’s commands', () => {
  const planned = JSON.parse(nas(['plan', 'pipelines/fashion-standalone.yml', '--json']).stdout);
  expect(planned).toMatchObject({ id: 'fashion-standalone' });
  expect(nas(['doctor']).stdout).toContain('run `npx nas setup`');
});
