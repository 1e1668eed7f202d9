import { KnownError } from '../plan/endings.ts';
import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { isErrno, temporaryName } from './files.ts';
import { identityOf, livenessOf, ProcessIdentity } from '../runtime/process-identity.ts';

/** `nonce` is unique to one taking of the lock, so that nobody ever removes the lock of a successor. */
const Holder = ProcessIdentity.extend({ nonce: z.string().regex(/^[0-9a-f]+$/) });
type Holder = z.infer<typeof Holder>;

/** The lock stayed taken for too long. */
class LockError extends KnownError {}

/**
 * Runs `body` while this process alone holds the lock file `path`. Mutual exclusion holds among all processes that see
 * the folder, on any number of machines: the file appears by `link`, complete or not at all. A holder that died on this
 * machine is cleared away at once; one on another machine cannot be judged from here, so after `patienceMs` the error
 * says who it is. A stopped process (SIGSTOP) counts as alive, for it may go on to write.
 */
export async function withLock<T>(path: string, body: () => Promise<T>, patienceMs = 30_000): Promise<T> {
  const nonce = await take(path, patienceMs);
  try {
    return await body();
  } finally {
    if ((await nonceAt(path)) === nonce) await rm(path, { force: true });
  }
}

async function take(path: string, patienceMs: number): Promise<string> {
  const holder: Holder = { ...identityOf(), nonce: randomBytes(6).toString('hex') };
  const temporary = temporaryName(path);
  const deadline = Date.now() + patienceMs;
  await writeFile(temporary, JSON.stringify(holder), { flag: 'wx' });
  try {
    for (let wait = 2; ; wait = Math.min(2 * wait, 100)) {
      if (await linked(temporary, path)) return holder.nonce;
      const other = await holderOf(path);
      if (other === 'nobody') continue;
      if (other === 'unreadable' || livenessOf(other) === 'dead') {
        await clear(path, other === 'unreadable' ? other : other.nonce, patienceMs);
      } else if (Date.now() > deadline) {
        throw new LockError('Crashed', describeWait(path, other, patienceMs));
      } else {
        await sleep(wait + Math.random() * wait);
      }
    }
  } finally {
    await rm(temporary, { force: true });
  }
}

// Only one process at a time may clear the lock of one dead holder, and it looks again first: else two that saw the
// same dead holder could remove the lock which the faster of them has just taken.
async function clear(path: string, nonce: string, patienceMs: number): Promise<void> {
  await withLock(
    `${path}.${nonce}`,
    async () => {
      if ((await nonceAt(path)) === nonce) await rm(path, { force: true });
    },
    patienceMs,
  );
}

async function linked(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

// A lock file appears whole, so an unreadable one was torn by a power cut (or an editor): its holder is gone.
async function holderOf(path: string): Promise<Holder | 'nobody' | 'unreadable'> {
  try {
    const parsed = Holder.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? parsed.data : 'unreadable';
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'nobody';
    if (error instanceof SyntaxError) return 'unreadable';
    throw error;
  }
}

async function nonceAt(path: string): Promise<string> {
  const holder = await holderOf(path);
  return typeof holder === 'string' ? holder : holder.nonce;
}

function describeWait(path: string, other: Holder, patienceMs: number): string {
  const who = `process ${other.pid} on ${other.host}`;
  return `${path}: expected the lock to be free within ${patienceMs / 1000} s, got ${who}; end that process, or remove the file if its machine is gone`;
}
