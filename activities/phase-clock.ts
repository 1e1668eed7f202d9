/** Adds up how long a process is in each phase. What is measured here enters no result. */
export class PhaseClock {
  readonly #ms = new Map<string, number>();
  #phase: string | null = null;
  #since = 0;

  /** The process is in that phase from now on; null once it has ended. */
  enter(phase: string | null): void {
    const now = performance.now();
    if (this.#phase !== null) this.#ms.set(this.#phase, (this.#ms.get(this.#phase) ?? 0) + now - this.#since);
    [this.#phase, this.#since] = [phase, now];
  }

  /** Seconds by phase, to a millisecond; null where there were none. */
  seconds(): Record<string, number> | null {
    return this.#ms.size === 0
      ? null
      : Object.fromEntries([...this.#ms].map(([phase, ms]) => [phase, Math.round(ms) / 1000]));
  }
}
