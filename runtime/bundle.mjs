// The command line in a few files instead of hundreds, packages included, for a verb is to answer at once.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { compileClone, compiled, root } from './compile.mjs';

// What is native, large or seldom needed stays a package of its own.
const apart = [
  '@aws-sdk/client-s3',
  '@julusian/jpeg-turbo',
  '@node-rs/crc32',
  'fashion-mnist',
  'koffi',
  'sharp',
  'nodemailer',
];
const temporal = ['@temporalio/worker', '@temporalio/activity', '@temporalio/workflow'];

/**
 * Temporal's protocol without Temporal Cloud and without options of other tools, names of which are in brackets: every verb
 * that asks a server builds all of its types, and so does it in less time.
 */
const shortProtocol = {
  name: 'short-protocol',
  setup: ({ onLoad }) =>
    onLoad({ filter: /@temporalio\/proto\/protos\/json-module\.js$/ }, ({ path: file }) => {
      const [, before, types, after] = /^(.*\.addJSON\()(\{.*\})(\);.*)$/s.exec(readFileSync(file, 'utf8'));
      const protocol = JSON.parse(types, (key, value) => (key.startsWith('(') ? undefined : value));
      delete protocol.temporal.nested.api.nested.cloud;
      delete protocol.grpc.nested.gateway;
      return { contents: `${before}JSON.parse(${JSON.stringify(JSON.stringify(protocol))})${after}` };
    }),
};

/**
 * Bundles a program of JavaScript into a folder; the paths of the files that went in. Files beside the code are found from
 * the root, so it does not matter which file code lies in, only that the folder lies where the program's own does.
 */
export async function bundle(program, folder) {
  // Loaded here, for most starts find a bundle that is made already.
  const { build } = await import('esbuild');
  const { metafile } = await build({
    entryPoints: [program],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    legalComments: 'none',
    logLevel: 'error',
    metafile: true,
    external: [...apart, ...temporal],
    plugins: [shortProtocol],
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
  return Object.keys(metafile.inputs);
}

/** A verb that began with an older bundle may yet load some of it. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/** Brings a clone's command line up to date, and says where the bundle's main file is. */
export async function bundleOfClone() {
  const state = await compileClone();
  // Packages change with this file alone.
  const packages = statSync(path.join(root, 'node_modules/.package-lock.json'), { throwIfNoEntry: false })?.mtimeMs;
  const name = `cli-${createHash('sha256').update(`${state} ${packages}`).digest('hex').slice(0, 16)}`;
  const folder = path.join(compiled, name);
  const main = path.join(folder, 'main.js');
  if (existsSync(main)) return main;
  const partial = `${folder}.${process.pid}`;
  await bundle(path.join(compiled, 'cli/main.js'), partial);
  try {
    renameSync(partial, folder);
  } catch {
    // Another process was faster.
    rmSync(partial, { recursive: true, force: true });
  }
  const bundles = readdirSync(compiled).filter((entry) => entry.startsWith('cli-'));
  for (const old of bundles.map((entry) => path.join(compiled, entry))) {
    const made = statSync(old, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (made < Date.now() - KEPT_MS) rmSync(old, { recursive: true, force: true });
  }
  return main;
}
