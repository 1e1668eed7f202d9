// npm run build: compiles to JavaScript and puts beside it what the code reads, so that dist/ is the whole package but
// its dependencies. `npm pack` then makes the tarball.
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { bundle } from './runtime/bundle.mjs';

rmSync('dist', { recursive: true, force: true });
const compiled = spawnSync('npx', ['tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (compiled.status !== 0) process.exit(1);

const bundled = await bundle('dist/cli/main.js', 'dist/bundle');
rmSync('dist/cli', { recursive: true });
renameSync('dist/bundle', 'dist/cli');
writeFileSync('dist/cli/LICENSES.txt', licencesOf(bundled));

cpSync('package.json', 'dist/package.json');
// The program itself lies beside dist/.
const isThere = (file) => file === join('cli', 'nas.mjs') || ['.ts', '.tsx', '.as'].includes(extname(file));
for (const folder of readdirSync('dist').filter((name) => statSync(join('dist', name)).isDirectory())) {
  for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const name = join(file.parentPath, file.name);
    if (file.isFile() && !isThere(name)) cpSync(name, join('dist', name));
  }
}

// Of TensorFlow.js only the sources of its binding are wanted. Its package would fetch a libtensorflow of its own when it is installed.
const tfjs = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json'));
for (const name of ['binding', 'package.json']) {
  cpSync(join(tfjs, name), join('dist/tfjs-node-gpu', name), { recursive: true });
}

/** The licences of the packages that files were taken from. */
function licencesOf(files) {
  const packages = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []);
  const texts = [...new Set(packages)]
    .toSorted((a, b) => a.localeCompare(b, 'en'))
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const own = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
      return [`${name} ${version}: ${license}`, ...own.map((file) => readFileSync(join(folder, file), 'utf8').trim())];
    });
  return `${texts.flat().join('\n\n')}\n`;
}
