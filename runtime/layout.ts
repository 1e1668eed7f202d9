import { accessSync, constants, existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

// Where everything lies; what there is below the results, artifacts/paths.ts knows. A relative path in a variable counts from
// the project, whatever the current folder is.

const here = resolve(import.meta.dirname, '..');

/** The clone, or the built package, that this code lies in. */
export const root = basename(here) === '.compiled' ? dirname(here) : here;

/** The folder that a person works in, with pipelines, configs and results: the one that NAS_PROJECT names, else the clone. */
export const projectRoot = resolve(process.env['NAS_PROJECT'] || root);

const isPackage = here === root && import.meta.url.endsWith('.js');

/** Where our code lies as JavaScript, which compile.mjs sees to in a clone. */
const compiled = import.meta.url.endsWith('.js') ? here : join(here, '.compiled');

/** Which release this code is of. */
export function release(): string {
  const { version }: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return version;
}

/** The program `nas`, for processes that run it. The built package has it beside the folder of what was built. */
export const nasProgram = resolve(root, isPackage ? '..' : '', 'cli/nas.mjs');

const NPM_SCRIPTS = { setup: 'npm run setup', quickstart: 'npm start' } as const;

/** What a person types for that verb: npm's script in a clone, `npx nas` where the package is installed. */
export function commandFor(verb: keyof typeof NPM_SCRIPTS, options = ''): string {
  if (isPackage) return `npx nas ${verb} ${options}`.trimEnd();
  return options === '' ? NPM_SCRIPTS[verb] : `${NPM_SCRIPTS[verb]} -- ${options}`;
}

/** The absolute path of a program or thread of ours as it is run, in JavaScript, named as in the clone: `nas/training/main.ts`. */
export function programFile(file: string): string {
  return join(compiled, file.replace(/\.ts$/, '.js'));
}

/** What npm cannot install: `.runtime/` of the project, or the folder that NAS_RUNTIME names. */
export const home = resolve(projectRoot, process.env['NAS_RUNTIME'] || '.runtime');

/** The state of the embedded Temporal server: `.nas/` of the project, or the folder that NAS_HOME names. */
export const serverHome = resolve(projectRoot, process.env['NAS_HOME'] || '.nas');

/**
 * What can be made anew, such as data sets as they are read and the speed of the machine: `.cache/` of the project, or the
 * folder that NAS_CACHE names. Where the project cannot be written, the user's own cache folder.
 */
export function cacheFolder(): string {
  const named = process.env['NAS_CACHE'];
  if (named) return resolve(projectRoot, named);
  const own = join(projectRoot, '.cache');
  const users = process.env['XDG_CACHE_HOME'] || join(userHome(), '.cache');
  const places = [own, join(users, 'fewshot-nas')];
  return places.find(isWritable) ?? join(tmpdir(), `fewshot-nas-${process.getuid?.() ?? userInfo().username}`);
}

// A user that the system does not know has none.
function userHome(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}

/** Whether a folder can be written, or made if it is missing. */
export function isWritable(folder: string): boolean {
  const there = nearest(folder);
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
    return statSync(there).isDirectory();
  } catch {
    return false;
  }
}

/** The folder, or the nearest above it that exists. */
export function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(resolve(folder, '..'));
}

export type Device = 'cpu' | 'gpu';

/** A link to the folder (cpu or gpu) of the libtensorflow that is in use. */
export const currentDevice = join(home, 'current');

/** The device that libtensorflow was set up for; undefined before the first set-up. */
export function deviceInUse(): Device | undefined {
  try {
    const link = readlinkSync(currentDevice);
    return link === 'cpu' || link === 'gpu' ? link : undefined;
  } catch {
    return undefined;
  }
}

/** The native binding between Node and libtensorflow. */
export const bindingFile = join(currentDevice, 'tfjs_binding.node');

/** The executable of the Temporal command line with its development server and UI. */
export const temporalCli = (): string => join(home, 'bin', 'temporal');
