import koffi from 'koffi';
import { closeSync, openSync } from 'node:fs';
import { KnownError } from '../plan/endings.ts';

// From <sys/file.h>.
const [SHARED, EXCLUSIVE, AT_ONCE] = [1, 2, 4];

const flock: (descriptor: number, operation: number) => number = koffi
  .load('libc.so.6')
  .func('int flock(int descriptor, int operation)');

/**
 * Takes the kernel's lock on a file, which is made if it is missing. It lasts for as long as this process, or one that it
 * passes the descriptor to, has the file open: however they end, nothing has to be cleared away. Processes in other
 * containers and, over NFS, on other machines see the same lock.
 * @returns the open descriptor, to be closed; null where another process holds the lock
 * @throws KnownError where the file system has no locks
 */
export function tryLock(file: string): number | null {
  const descriptor = openSync(file, 'a');
  if (isGranted(file, descriptor, EXCLUSIVE)) return descriptor;
  closeSync(descriptor);
  return null;
}

/** Whether some process holds the lock of a file. */
export function isLocked(file: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    // Nobody has made it yet, or it is not ours to see.
    return false;
  }
  try {
    return !isGranted(file, descriptor, SHARED);
  } finally {
    closeSync(descriptor);
  }
}

function isGranted(file: string, descriptor: number, kind: number): boolean {
  if (flock(descriptor, kind | AT_ONCE) === 0) return true;
  const error = koffi.errno();
  if (error === koffi.os.errno['EWOULDBLOCK']) return false;
  const name = Object.entries(koffi.os.errno).find(([, number]) => number === error)?.[0];
  throw new KnownError(
    'Crashed',
    `${file}: expected a file system with locks, got ${name ?? error}; name a folder on a local disk by NAS_HOME`,
  );
}
