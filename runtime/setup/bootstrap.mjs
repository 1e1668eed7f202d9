// The first thing a bare clone runs: plain JavaScript that needs nothing but Node. It installs the npm packages if they
// are missing or not those of the lockfile, then hands over to setup.ts for what npm cannot install. In the built package
// npm has installed the packages already.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const isBuilt = existsSync(new URL('./setup.js', import.meta.url));

/** Ends the process with one clear line; code 2 says that the command itself was wrong, 1 that it failed. */
function fail(message, code = 1) {
  console.error(message);
  process.exit(code);
}

function readOptions() {
  try {
    const { values } = parseArgs({ options: { device: { type: 'string' } } });
    if (values.device === undefined || ['cpu', 'gpu'].includes(values.device)) return values;
    return fail(`setup: --device: expected cpu or gpu, got ${values.device}`, 2);
  } catch (error) {
    return fail(`setup: expected [--device cpu|gpu]: ${error.message}`, 2);
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const supported = major > 20 ? major < 25 : major === 20 && minor >= 19;
  if (!supported) {
    fail(`setup: expected Node 20.19 up to 24, got ${process.versions.node}; install one of them and run this again`);
  }
}

/** True if node_modules holds what package-lock.json asks for; npm leaves its own account of it in node_modules. */
function packagesAreInstalled() {
  const account = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(account)) return false;
  const installed = JSON.parse(readFileSync(account, 'utf8')).packages;
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).every(([path, { version, optional }]) => {
    if (path === '') return true;
    return installed[path] ? installed[path].version === version : optional === true;
  });
}

function installPackages() {
  try {
    accessSync(root, constants.W_OK);
  } catch {
    fail(
      `setup: expected a clone that can be written, for its node_modules, got ${root}; run this as the user who owns it`,
    );
  }
  console.log('setup: installing the npm packages of package-lock.json');
  const npm = spawnSync('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: root, stdio: 'inherit' });
  if (npm.error) fail(`setup: expected npm on the PATH, got ${npm.error.message}; install it, it comes with Node`);
  if (npm.status !== 0) fail('setup: npm ci failed, its message stands above; run this again once that is mended');
}

/**
 * Runs the body while no other set-up holds the same folder. The lock is a socket name that the kernel itself takes back
 * when its owner ends, however it ends, so that there is no stale lock to clear.
 */
async function alone(folder, body) {
  const path = `\0fewshot-nas-setup-${createHash('sha256').update(folder).digest('hex')}`;
  const server = net.createServer();
  const listens = () =>
    new Promise((done) =>
      server
        .once('listening', () => done(true))
        .once('error', () => done(false))
        .listen(path),
    );
  const ownerEnds = () => new Promise((done) => net.connect(path).resume().once('error', done).once('close', done));
  for (let waited = false; !(await listens()); waited = true) {
    server.removeAllListeners();
    if (!waited) console.log('setup: another one is at work here; waiting for it');
    await ownerEnds();
  }
  server.on('connection', (socket) => socket.on('error', () => socket.destroy()));
  await body();
}

async function setUpRuntime() {
  const { setUp } = isBuilt ? await import('./setup.js') : await ofClone();
  const failure = await setUp(options);
  if (failure) fail(failure);
}

async function ofClone() {
  const { bundleOfClone } = await import('../bundle.mjs');
  await bundleOfClone();
  return await import('../../.compiled/runtime/setup/setup.js');
}

const options = readOptions();
checkNode();
// So that child processes end with this one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));
await alone(root, async () => {
  if (!isBuilt && !packagesAreInstalled()) installPackages();
  await alone(resolve(process.env.NAS_PROJECT || root, process.env.NAS_RUNTIME || '.runtime'), setUpRuntime);
});
process.exit(0);
