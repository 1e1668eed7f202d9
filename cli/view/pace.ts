interface Seen {
  readonly at: number;
  readonly fraction: number;
}

/** How fast pieces of work get on, from what was seen of them: so the time of evaluations and checkpoints is in it too. */
export class Pace {
  readonly #first = new Map<string, Seen>();

  /** Milliseconds until `key` is done, or null while too little was seen. A fraction that falls (a new attempt) starts anew. */
  left(key: string, fraction: number, now: number): number | null {
    const first = this.#first.get(key);
    if (first === undefined || fraction < first.fraction) {
      this.#first.set(key, { at: now, fraction });
      return null;
    }
    const gained = fraction - first.fraction;
    return gained <= 0 || now - first.at < 2000 ? null : ((1 - fraction) / gained) * (now - first.at);
  }
}
