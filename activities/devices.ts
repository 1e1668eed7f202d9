/** The devices of a worker, one heavy activity each: `cpu`, `gpu:0`, `gpu:1` … */
export class DevicePool {
  readonly size: number;
  readonly #free: string[];

  constructor(devices: readonly string[]) {
    this.size = devices.length;
    this.#free = [...devices];
  }

  /** Runs `body` on a free device. The worker has as many slots as devices, so one is always free. */
  async use<T>(body: (device: string) => Promise<T>): Promise<T> {
    const device = this.#free.shift();
    if (device === undefined) throw new Error('devices: expected a free one, got none; give the worker fewer slots');
    try {
      return await body(device);
    } finally {
      this.#free.push(device);
    }
  }
}
