import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { isErrno } from '../plan/endings.ts';

/** A process, told apart from a later process that got the same pid. */
export const ProcessIdentity = z.object({
  pid: z.int().min(1),
  host: z.string(),
  /** Kernel boot id: a rebooted machine has another. */
  boot: z.string(),
  /** Pid namespace: two containers on one machine differ in it. */
  namespace: z.string(),
  /** Start time in clock ticks since boot; empty where the system has no /proc. */
  started: z.string(),
});
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

// Instead of a start time: the process has ended, only its parent has not looked yet.
const EXITED = 'exited';

/** Of this process, or of another one on this machine. */
export function identityOf(pid = process.pid): ProcessIdentity {
  return {
    pid,
    host: hostname(),
    boot: readOr('', () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    namespace: readOr('', () => readlinkSync('/proc/self/ns/pid')),
    started: startTime(pid),
  };
}

/**
 * Whether that process lives. `unknown` for another machine or pid namespace, where nobody here can tell: the caller
 * has to treat it as alive.
 */
export function livenessOf(other: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  const own = identityOf();
  if (other.host !== own.host) return 'unknown';
  if (other.boot !== own.boot) return 'dead';
  if (other.namespace !== own.namespace) return 'unknown';
  try {
    process.kill(other.pid, 0);
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return 'dead';
  }
  const started = startTime(other.pid);
  return started === '' || (started === other.started && started !== EXITED) ? 'alive' : 'dead';
}

function startTime(pid: number): string {
  const stat = readOr('', () => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // Field 22; the second field is the command in parentheses and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? EXITED : (fields[19] ?? '');
}

function readOr(fallback: string, read: () => string): string {
  try {
    return read();
  } catch {
    return fallback;
  }
}
