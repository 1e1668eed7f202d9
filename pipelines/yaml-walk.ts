/** One pass over the events of a YAML document: where each of its values stands, and what we do not take. */
import {
  EVENT_ALIAS,
  EVENT_DOCUMENT,
  EVENT_MAPPING,
  EVENT_POP,
  EVENT_SEQUENCE,
  getScalarValue,
  SCALAR_STYLE,
} from 'js-yaml';
import type { Event } from 'js-yaml';
import type { Path } from './problems.ts';

/** Where a value stands in the text; a map or a list stands where its key does. */
export interface Offsets {
  readonly path: Path;
  readonly key: number;
  readonly value: number;
}

export interface Refused {
  readonly offset: number;
  readonly path: Path;
  readonly message: string;
}

type ValueEvent = Exclude<Event, { type: typeof EVENT_DOCUMENT } | { type: typeof EVENT_POP }>;

/** The name of a path in the map of offsets. */
export function pointer(path: Path): string {
  return JSON.stringify(path.map(String));
}

/** Walks the first document; the parser has bounded its depth. */
export class YamlWalk {
  readonly offsets = new Map<string, Offsets>();
  readonly refused: Refused[] = [];
  readonly #events: readonly Event[];
  readonly #text: string;
  #at = 0;

  constructor(events: readonly Event[], text: string) {
    this.#events = events;
    this.#text = text;
    if (this.#events[0]?.type === EVENT_DOCUMENT) this.#at += 1;
    this.#value([], 0);
  }

  /** A value and all inside it. `key` is where its name stands; undefined in a list. */
  #value(path: Path, key?: number): void {
    const event = this.#next();
    if (!event) return;
    this.#refuseMarks(event, path);
    const start = startOf(event);
    const isPlain = event.type !== EVENT_MAPPING && event.type !== EVENT_SEQUENCE;
    const own = key ?? start;
    if (!this.offsets.has(pointer(path)))
      this.offsets.set(pointer(path), { path, key: own, value: isPlain && start >= 0 ? start : own });
    if (event.type === EVENT_SEQUENCE) for (let index = 0; !this.#ends(); index++) this.#value([...path, index]);
    if (event.type !== EVENT_MAPPING) return;
    const names = new Set<string>();
    while (!this.#ends()) {
      const { name, offset } = this.#name(path, own);
      if (names.has(name)) this.#refuse(offset, [...path, name], 'expected each name once, got it twice; remove one');
      names.add(name);
      this.#value([...path, name], offset);
    }
  }

  /** A key of a map that stands at `above`. */
  #name(path: Path, above: number): { name: string; offset: number } {
    const event = this.#next();
    const offset = event && startOf(event) >= 0 ? startOf(event) : above;
    if (!event || event.type === EVENT_ALIAS || event.type === EVENT_MAPPING || event.type === EVENT_SEQUENCE) {
      this.#refuse(offset, path, 'expected a name as key, got a map, list or alias; write a name');
      this.#at = this.#events.length;
      return { name: '', offset };
    }
    this.#refuseMarks(event, path);
    const name = startOf(event) < 0 ? '' : getScalarValue(this.#text, event);
    if (name === '' || name === '__proto__') {
      this.#refuse(offset, [...path, name], `expected a name as key, got ${JSON.stringify(name)}; write a name`);
    }
    return { name, offset };
  }

  #refuseMarks(event: ValueEvent, path: Path): void {
    if (event.anchorStart >= 0) {
      this.#refuse(
        event.anchorStart,
        path,
        'expected a value, got an anchor or alias; write the value out, or use ${{ params.… }}',
      );
    } else if (event.type !== EVENT_ALIAS && event.tagStart >= 0) {
      this.#refuse(event.tagStart, path, 'expected a plain value, got a YAML tag; leave the tag out');
    }
  }

  #refuse(offset: number, path: Path, message: string): void {
    this.refused.push({ offset, path, message });
  }

  /** The next value or name; null at the end. */
  #next(): ValueEvent | null {
    const event = this.#events[this.#at];
    if (!event || event.type === EVENT_POP || event.type === EVENT_DOCUMENT) return null;
    this.#at += 1;
    return event;
  }

  /** Whether the map or list at hand is over, and steps behind its end. */
  #ends(): boolean {
    const event = this.#events[this.#at];
    if (event && event.type !== EVENT_POP) return false;
    this.#at += 1;
    return true;
  }
}

function startOf(event: ValueEvent): number {
  if ('valueStart' in event) {
    const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    return event.valueStart - (isQuoted ? 1 : 0);
  }
  return 'start' in event ? event.start : event.anchorStart;
}
