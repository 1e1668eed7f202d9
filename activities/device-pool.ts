import { activityInfo, ApplicationFailure, Context } from '@temporalio/activity';
import { once } from 'node:events';
import { withHeartbeats } from './attempt.ts';
import { failureOf } from './endings.ts';
import { devicesOf } from '../plan/names.ts';
import type { StageInput, StageResult } from '../plan/results.ts';

/** Work that waited is given back when it could begin, and has its place for so long: its time limit counts from its beginning. */
const KEPT_MS = 10_000;
/** Meanwhile another worker may have become free. */
const LONGEST_WAIT_MS = 60 * 60_000;

/**
 * The devices of a worker (`cpu`, `gpu:0` …). Work takes all that it needs at once, so that none waits for what another holds. First
 * come, first served: while work waits for devices to become free, no other work is asked for. What comes nevertheless, for it
 * was asked for before, is given back to the server, and so goes to a worker that is free.
 */
export class DevicePool {
  readonly devices: readonly string[];
  readonly size: number;
  readonly #free: string[];
  /** Permits to ask for work, those in use included, and work that is here, by how many devices it needs. */
  readonly #permits = new Map<number, number>();
  readonly #working = new Map<number, number>();
  /** The work whose turn it is: `begin` ends its wait; null where it was given back and is about to come again. */
  #next: { readonly need: number; readonly begin: (() => void) | null } | null = null;
  #changed: (() => void)[] = [];
  #freeSince = performance.now();

  constructor(devices: readonly string[]) {
    this.devices = devices;
    this.size = devices.length;
    this.#free = [...devices];
  }

  /**
   * So many devices, all at once. The caller puts them back.
   * @param wait for how long at most, and what is told in words of what it waits for, if it does
   * @throws ApplicationFailure where the work had better go to another worker, or has waited and had better begin anew; what the
   *   signal says where it ends the wait
   */
  async take(need: number, signal: AbortSignal, wait: Wait): Promise<readonly string[]> {
    count(this.#working, need, 1);
    try {
      return await this.#take(need, signal, wait);
    } catch (error) {
      count(this.#working, need, -1);
      this.#tell();
      throw error;
    }
  }

  /** How many of them work has taken. */
  get busy(): number {
    return this.size - this.#free.length;
  }

  /** For how many milliseconds all of them have been free; 0 while one is not. */
  get idleMs(): number {
    return this.busy > 0 ? 0 : performance.now() - this.#freeSince;
  }

  put(devices: readonly string[]): void {
    this.#free.push(...devices);
    this.#freeSince = performance.now();
    count(this.#working, devices.length, -1);
    this.#tell();
  }

  /** Waits until work that needs so many devices may be asked for. Rejects with the signal's reason. */
  async permit(need: number, signal: AbortSignal): Promise<void> {
    while (!this.tryPermit(need)) {
      signal.throwIfAborted();
      await untilCalled(signal, (resolve) => this.#changed.push(resolve));
    }
  }

  /** The same where it may be at once; false where it may not. */
  tryPermit(need: number): boolean {
    const asked = (this.#permits.get(need) ?? 0) - (this.#working.get(need) ?? 0);
    // Work for one device is asked for once for each that is free. Other work waits here until enough are.
    const isAllowed = this.#mayCome(need) && (need === 1 ? asked < this.#free.length : asked === 0);
    if (isAllowed) count(this.#permits, need, 1);
    return isAllowed;
  }

  /** A permit is given back, whether it brought work or not. */
  release(need: number): void {
    count(this.#permits, need, -1);
    this.#tell();
  }

  #mayCome(need: number): boolean {
    return this.#next === null || (this.#next.begin === null && this.#next.need === need);
  }

  async #take(need: number, signal: AbortSignal, { mostMs, onWait }: Wait): Promise<string[]> {
    if (!this.#mayCome(need) || (need === 1 && this.#free.length === 0)) {
      throw givenBack(`another stage took this worker's devices before this one could have ${need}`, '1 second');
    }
    if (this.#free.length >= need) {
      this.#next = null;
      return this.#free.splice(0, need);
    }
    onWait(`waiting for ${need} free devices of this worker; of its ${this.size}, ${this.#free.length} are free`);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.min(mostMs, LONGEST_WAIT_MS))]);
    await untilCalled(limit, (begin) => (this.#next = { need, begin })).finally(() => (this.#next = null));
    signal.throwIfAborted();
    this.#keepPlace(need);
    throw givenBack(`it waited for ${need} devices, and begins when it comes again`, '100 milliseconds');
  }

  #keepPlace(need: number): void {
    const place = { need, begin: null };
    this.#next = place;
    const leave = (): void => {
      if (this.#next !== place) return;
      this.#next = null;
      this.#tell();
    };
    setTimeout(leave, KEPT_MS).unref();
  }

  #tell(): void {
    if (this.#next !== null && this.#free.length >= this.#next.need) this.#next.begin?.();
    const changed = this.#changed;
    this.#changed = [];
    for (const resolve of changed) resolve();
  }
}

interface Wait {
  readonly mostMs: number;
  readonly onWait: (what: string) => void;
}

/** Waits until the function is called that `give` gets, or the signal comes. */
async function untilCalled(signal: AbortSignal, give: (resolve: () => void) => void): Promise<void> {
  const over = new AbortController();
  const called = once(over.signal, 'abort');
  const end = (): void => over.abort();
  give(end);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  await called.finally(() => signal.removeEventListener('abort', end));
}

function count(counts: Map<number, number>, need: number, by: number): void {
  counts.set(need, (counts.get(need) ?? 0) + by);
}

function givenBack(why: string, nextRetryDelay: '1 second' | '100 milliseconds'): ApplicationFailure {
  return ApplicationFailure.create({ type: 'NoFreeDevice', message: `given back: ${why}`, nextRetryDelay });
}

/** Runs a stage on as many devices of the pool as it has ranks; with heartbeats while it waits for them. */
export async function onDevices(
  pool: DevicePool,
  input: StageInput,
  body: (devices: readonly string[]) => Promise<StageResult>,
): Promise<StageResult> {
  const { cancellationSignal: signal } = Context.current();
  const { attempt, startToCloseTimeoutMs } = activityInfo();
  const taking = withHeartbeats((onWait) =>
    pool.take(devicesOf(input.with), signal, { mostMs: startToCloseTimeoutMs / 2, onWait }),
  );
  const devices = await taking.catch((error: unknown) => {
    throw failureOf(error, { attempt, tries: attempt, retry: null });
  });
  try {
    return await body(devices);
  } finally {
    pool.put(devices);
  }
}
