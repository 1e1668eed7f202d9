#!/usr/bin/env node
// The command `nas`, of a clone or of the installed package: plain JavaScript, so that it can install what is missing
// before TypeScript can be compiled.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const isClone = existsSync(path.join(root, 'cli/main.ts'));
if (!isClone) findHomes();
const runtime = path.resolve(process.env.NAS_PROJECT || root, process.env.NAS_RUNTIME || '.runtime');
const [verb = '', ...rest] = process.argv.slice(2);
// The other verbs only read files or talk to a server.
const needsRuntime = ['up', 'worker', 'quickstart', 'verify-resume', 'export', 'predict'].includes(verb);
const isHelp = rest.includes('--help') || rest.includes('-h');

const lacksPackages = isClone && !existsSync(path.join(root, 'node_modules/esbuild'));
if (lacksPackages || (needsRuntime && !isHelp && !existsSync(path.join(runtime, 'current')))) {
  // Its progress goes to stderr, for stdout belongs to the verb.
  const program = path.join(root, isClone ? '' : 'dist', 'runtime/setup/bootstrap.mjs');
  const options = verb === 'setup' ? rest : [];
  const setup = spawnSync(process.execPath, [program, ...options], { stdio: ['inherit', 2, 2] });
  if (setup.status !== 0) process.exit(1);
}

const bundleOfClone = async () => (await import('../runtime/bundle.mjs')).bundleOfClone();
// What Node compiled once is not compiled again, where Node can keep it (22 and later).
const kept = isClone ? path.join(root, '.compiled/v8') : path.join(process.env.NAS_CACHE, 'compiled');
nodeModule.enableCompileCache?.(kept);
const { main } = await import(isClone ? await bundleOfClone() : '../dist/cli/main.js');
await main(process.argv.slice(2));
// A start that failed half-way leaves native threads behind, which would keep the process.
process.exit();

/**
 * An installed package may lie where nobody can write. What belongs to a person's work lies in the project: the nearest
 * folder upwards that has `.nas`, else the current one. What all projects can share lies where users keep such things.
 */
function findHomes() {
  process.env.NAS_PROJECT ||= nearestProject(process.cwd()) ?? process.cwd();
  process.env.NAS_RUNTIME ||= path.join(process.env.XDG_DATA_HOME || path.join(home(), '.local/share'), 'fewshot-nas');
  process.env.NAS_CACHE ||= path.join(process.env.XDG_CACHE_HOME || path.join(home(), '.cache'), 'fewshot-nas');
}

function nearestProject(folder) {
  if (existsSync(path.join(folder, '.nas'))) return folder;
  const above = path.dirname(folder);
  return above === folder ? null : nearestProject(above);
}

function home() {
  try {
    return homedir();
  } catch {
    // A user that the system does not know has none.
    return process.cwd();
  }
}
