import { expect, onTestFinished, test, vi } from 'vitest';
import { DevicePool } from '../../activities/device-pool.ts';

// Who gets the devices of a worker, and who may ask for work, one moment after the other.

const never = new AbortController().signal;
const waits: string[] = [];
const wait = { mostMs: 60_000, onWait: (what: string) => void waits.push(what) };

const taken = async (pool: DevicePool, need: number, signal = never) => await pool.take(need, signal, wait);
const refusal = (message: string, nextRetryDelay: string): object => ({
  type: 'NoFreeDevice',
  message: expect.stringContaining(message),
  nextRetryDelay,
});
const ANOTHER = refusal("given back: another stage took this worker's devices before this one could have", '1 second');
const WAITED = refusal('given back: it waited for 2 devices, and begins when it comes again', '100 milliseconds');

test('work takes the devices that it needs, and the pool says how many are busy and for how long none was', async () => {
  let now = 5000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => void vi.restoreAllMocks());
  const pool = new DevicePool(['gpu:0', 'gpu:1', 'gpu:2']);
  now += 100;
  expect([pool.size, pool.busy, pool.idleMs]).toEqual([3, 0, 100]);
  const two = await taken(pool, 2);
  const one = await taken(pool, 1);
  expect([two, one, pool.busy, pool.idleMs]).toEqual([['gpu:0', 'gpu:1'], ['gpu:2'], 3, 0]);
  now += 100;
  pool.put(two);
  expect([pool.busy, pool.idleMs]).toEqual([1, 0]);
  pool.put(one);
  now += 50;
  expect([pool.busy, pool.idleMs]).toEqual([0, 50]);
  expect(await taken(pool, 3)).toEqual(['gpu:0', 'gpu:1', 'gpu:2']);
});

test('work for one device is asked for once for each that is free, other work once', async () => {
  const pool = new DevicePool(['a', 'b']);
  expect([pool.tryPermit(1), pool.tryPermit(1), pool.tryPermit(1)]).toEqual([true, true, false]);
  pool.release(1);
  expect(pool.tryPermit(1)).toBe(true);
  // Both have come: none is free.
  const [first, second] = [await taken(pool, 1), await taken(pool, 1)];
  expect(pool.tryPermit(1)).toBe(false);
  expect([pool.tryPermit(2), pool.tryPermit(2)]).toEqual([true, false]);
  pool.put(first);
  expect(pool.tryPermit(1)).toBe(false);
  // Its permit is in use until it is given back.
  pool.release(1);
  expect([pool.tryPermit(1), pool.tryPermit(1)]).toEqual([true, false]);
  pool.put(second);
});

test('work for one device that finds none free goes to another worker, and counts no longer', async () => {
  const pool = new DevicePool(['a']);
  expect(pool.tryPermit(1)).toBe(true);
  const devices = await taken(pool, 1);
  await expect(taken(pool, 1)).rejects.toMatchObject(ANOTHER);
  pool.release(1);
  pool.put(devices);
  expect([pool.tryPermit(1), pool.tryPermit(1)]).toEqual([true, false]);
});

test('wide work waits for devices to become free; no other comes in meanwhile, and its place is kept until it comes again', async () => {
  const pool = new DevicePool(['a', 'b']);
  const one = await taken(pool, 1);
  waits.length = 0;
  const wide = expect(taken(pool, 2)).rejects.toMatchObject(WAITED);
  expect(waits).toEqual(['waiting for 2 free devices of this worker; of its 2, 1 are free']);
  expect([pool.tryPermit(1), pool.tryPermit(2)]).toEqual([false, false]);
  await expect(taken(pool, 1)).rejects.toMatchObject(ANOTHER);
  await expect(taken(pool, 2)).rejects.toMatchObject(ANOTHER);
  pool.put(one);
  await wide;
  expect(pool.tryPermit(1)).toBe(false);
  await expect(taken(pool, 1)).rejects.toMatchObject(ANOTHER);
  expect(pool.tryPermit(2)).toBe(true);
  expect(await taken(pool, 2)).toEqual(['b', 'a']);
  // It has come: its place is nobody's.
  pool.put(['a', 'b']);
  expect(pool.tryPermit(1)).toBe(true);
});

test('a place is kept for ten seconds', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const pool = new DevicePool(['a', 'b']);
  const one = await taken(pool, 1);
  const wide = expect(taken(pool, 2)).rejects.toMatchObject(WAITED);
  pool.put(one);
  await wide;
  const asked = pool.permit(1, never);
  vi.advanceTimersByTime(9999);
  expect(pool.tryPermit(1)).toBe(false);
  vi.advanceTimersByTime(1);
  await asked;
  expect(await taken(pool, 1)).toEqual(['b']);
});

test('work that has waited for as long as it may is given back, though nothing became free', async () => {
  const pool = new DevicePool(['a', 'b']);
  await taken(pool, 1);
  await expect(pool.take(2, never, { ...wait, mostMs: 20 })).rejects.toMatchObject(WAITED);
});

test('work that is cancelled while it waits leaves its place at once', async () => {
  const pool = new DevicePool(['a', 'b']);
  await taken(pool, 1);
  const [cancelling, reason] = [new AbortController(), new Error('cancelled')];
  const wide = expect(taken(pool, 2, cancelling.signal)).rejects.toBe(reason);
  const asked = pool.permit(1, never);
  cancelling.abort(reason);
  await wide;
  await asked;
  expect(await taken(pool, 1)).toEqual(['b']);
});

test('who waits for a permit has it when a device becomes free, and is told when nobody wants it any more', async () => {
  const pool = new DevicePool(['a']);
  expect(pool.tryPermit(1)).toBe(true);
  const devices = await taken(pool, 1);
  let isPermitted = false;
  const asked = pool.permit(1, never).then(() => (isPermitted = true));
  const [leaving, reason] = [new AbortController(), new Error('over')];
  const other = expect(pool.permit(1, leaving.signal)).rejects.toBe(reason);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(isPermitted).toBe(false);
  leaving.abort(reason);
  await other;
  pool.release(1);
  pool.put(devices);
  await asked;
  await expect(pool.permit(1, leaving.signal)).rejects.toBe(reason);
});
