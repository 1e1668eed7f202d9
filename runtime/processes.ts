import { readdirSync, readFileSync } from 'node:fs';

// What Linux tells of processes, and of the memory they share.

/** A process as it stands. */
interface ProcessState {
  /** `R` running, `S` sleeping, `T` halted, `Z` ended but not yet looked at by its parent … */
  readonly state: string;
  readonly parent: number;
  /** In clock ticks since the machine started: tells a process from a later one with the same pid. */
  readonly started: string;
}

/** Null where there is no such process. */
export function processState(pid: number): ProcessState | null {
  // State and parent are the first fields after the name, which stands in parentheses; the start is the 22nd of all.
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const [state, parent] = fields;
  const started = fields[19];
  if (state === undefined || parent === undefined || started === undefined) return null;
  return { state, parent: Number(parent), started };
}

/** Whether the process runs, or could: not one that has ended, nor (where `started` is given) another one with its pid. */
export function isAlive(pid: number, started?: string): boolean {
  const found = processState(pid);
  return found !== null && found.state !== 'Z' && (started === undefined || found.started === started);
}

/** A process of this user with the environment it was started with; what it starts has that too, unless it is changed. */
interface MarkedProcess {
  readonly pid: number;
  readonly environment: ReadonlyMap<string, string>;
}

/** All processes of this user but this one, whatever groups and sessions they are in. */
function processes(): MarkedProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).flatMap((pid) => {
    const text = pid === process.pid ? null : read(`/proc/${pid}/environ`);
    if (text === null) return [];
    const entries = text.split('\0').map((line): [string, string] => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    });
    return [{ pid, environment: new Map(entries) }];
  });
}

/**
 * Ends every process with SIGKILL that an attempt at a stage has started and whose environment fits, however far it has gone from
 * whoever started it, until none is left: one may start another while the list is read. Whatever `fits` says, no other process is ended.
 */
export function endProcesses(fits: (environment: ReadonlyMap<string, string>) => boolean): void {
  for (let round = 0; round < 20; round++) {
    const ofAttempts = processes().filter(({ environment }) => environment.has('NAS_ATTEMPT'));
    const found = ofAttempts.filter(({ pid, environment }) => fits(environment) && isAlive(pid));
    if (found.length === 0) return;
    for (const { pid } of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It is gone already.
      }
    }
  }
}

/** Bytes of memory that a process holds; null where there is no such process. */
export function memoryOf(pid: number): number | null {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1];
  return kilobytes === undefined ? null : 1024 * Number(kilobytes);
}

/** The memory of a machine, or of the container that this process is in. */
export interface MachineMemory {
  /** Bytes. */
  readonly total: number;
  /** Bytes that programs could still have. */
  readonly available: number;
  /** How many processes the kernel has ended since the machine started because there was none left. */
  readonly endedForWant: number;
}

/** Null where the system does not say. */
export function machineMemory(): MachineMemory | null {
  const [info, counts] = [read('/proc/meminfo'), read('/proc/vmstat')];
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(info ?? '')?.[1]);
  const machine = { total: 1024 * kilobytes('MemTotal'), available: 1024 * kilobytes('MemAvailable') };
  const endedForWant = Number(/^oom_kill (\d+)$/m.exec(counts ?? '')?.[1]);
  if (Number.isNaN(machine.total + machine.available + endedForWant)) return null;
  const limit = Number(read('/sys/fs/cgroup/memory.max') ?? NaN);
  const used = Number(read('/sys/fs/cgroup/memory.current') ?? NaN);
  if (!(limit < machine.total) || Number.isNaN(used)) return { ...machine, endedForWant };
  return { total: limit, available: Math.min(machine.available, Math.max(0, limit - used)), endedForWant };
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/** Why the system could not start a program, in words. */
export function whyNotStarted({ code, message }: { readonly code?: unknown; readonly message: string }): string {
  if (code === 'ENOENT') return 'none of that name';
  if (code === 'EACCES') return 'a file that may not be executed';
  return message;
}
