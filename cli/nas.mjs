#!/usr/bin/env node
// The command `nas`: plain JavaScript, so that it can install what is missing before TypeScript can be loaded.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const runtime = path.resolve(root, process.env.NAS_RUNTIME || '.runtime');
// The other verbs only read files or talk to a server.
const needsRuntime = ['up', 'worker', 'quickstart', 'verify-resume', 'export', 'predict'].includes(
  process.argv[2] ?? '',
);

if (!existsSync(path.join(root, 'node_modules/tsx')) || (needsRuntime && !existsSync(path.join(runtime, 'current')))) {
  // Its progress goes to stderr, for stdout belongs to the verb.
  const setup = spawnSync(process.execPath, [path.join(root, 'runtime/setup/bootstrap.mjs')], {
    stdio: ['inherit', 2, 2],
  });
  if (setup.status !== 0) process.exit(1);
}

// tsx would keep its cache outside of this clone; without one a start is no slower.
process.env.TSX_DISABLE_CACHE ??= '1';
const { register } = await import('tsx/esm/api');
register();
const { main } = await import('./main.ts');
await main(process.argv.slice(2));
// A start that failed half-way leaves native threads behind, which would keep the process.
process.exit();
