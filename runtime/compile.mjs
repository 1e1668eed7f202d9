// A clone runs from JavaScript: its TypeScript is compiled into .compiled/, each file when it has changed, before anything
// else starts. So a start costs half of what it costs where every process reads TypeScript by itself.
// `node runtime/compile.mjs` does it alone.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const compiled = path.join(root, '.compiled');
const folders = 'activities artifacts cli configs nas pages pipelines plan report runs runtime workers workflows'.split(
  ' ',
);
/** Programs that tests start. */
const ofTests = 'test/support';

/**
 * Brings .compiled/ up to date: what changed is made anew, and what is gone goes. Other files are read where they are. What
 * it returns is another text whenever anything has changed.
 */
export async function compileClone() {
  const sources = [...folders, ofTests].flatMap((folder) => filesIn(root, folder)).filter((file) => isCode.test(file));
  const maker = createHash('sha256')
    .update(readFileSync(import.meta.filename))
    .digest('hex');
  const state = [maker, ...sources.map((file) => `${file} ${changed(root, file)}`)].join('\n');
  const before = textOf(path.join(compiled, 'state'));
  if (before === state) return state;
  const isOfThisMaker = before.startsWith(maker);
  const stale = sources.filter((file) => !isOfThisMaker || changed(root, file) !== changed(compiled, outputOf(file)));
  if (stale.length > 0) await make(stale);
  const wanted = new Set(sources.map(outputOf));
  for (const folder of [...folders, ofTests]) {
    for (const file of filesIn(compiled, folder)) {
      if (!wanted.has(file)) rmSync(path.join(compiled, file), { force: true });
    }
  }
  put('state', state);
  return state;
}

async function make(files) {
  const { transform } = await import('esbuild');
  const options = { format: 'esm', platform: 'node', target: 'node20', jsx: 'automatic', jsxImportSource: 'hono/jsx' };
  await Promise.all(
    files.map(async (file) => {
      const source = path.join(root, file);
      const { mtime } = statSync(source);
      const loader = path.extname(file).slice(1);
      const { code } = await transform(readFileSync(source, 'utf8'), { ...options, loader, sourcefile: file });
      // Imports name the TypeScript.
      put(outputOf(file), code.replaceAll(/((?:from|import) ?\(?")(\.{1,2}\/[^"]+)\.tsx?"/g, '$1$2.js"'), mtime);
    }),
  );
}

/** Puts a file in place at once and whole, for other processes may do the same. */
function put(file, text, mtime = new Date()) {
  const place = path.join(compiled, file);
  const partial = `${place}.${process.pid}`;
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(partial, text);
  utimesSync(partial, mtime, mtime);
  renameSync(partial, place);
}

const isCode = /\.tsx?$/;
const outputOf = (file) => file.replace(isCode, '.js');

function filesIn(above, folder) {
  if (!existsSync(path.join(above, folder))) return [];
  return readdirSync(path.join(above, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !/\.\d+$/.test(entry.name))
    .map((entry) => path.relative(above, path.join(entry.parentPath, entry.name)));
}

const changed = (folder, file) => statSync(path.join(folder, file), { throwIfNoEntry: false })?.mtime.getTime();

function textOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** For Vitest, before all tests. */
export default async function beforeAllTests() {
  await compileClone();
}

if (process.argv[1] === import.meta.filename) await compileClone();
