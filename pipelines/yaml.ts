import {
  constructFromEvents,
  EVENT_ALIAS,
  EVENT_DOCUMENT,
  EVENT_MAPPING,
  EVENT_POP,
  EVENT_SEQUENCE,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
} from 'js-yaml';
import type { Event } from 'js-yaml';
import { problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import { valueAt } from '../plan/json.ts';
import type { Json } from '../plan/json.ts';

/** YAML that knows where each of its values stands, so that every later error can name line and column. */

/** A YAML file, read. */
export interface Source {
  /** Relative to the project root. */
  readonly file: string;
  readonly value: Json;
  has(path: Path): boolean;
  /** Where the value stands (a map or a list: its key); of a path that is not there, the nearest one above it. */
  place(path: Path): Place;
  /** Where the last name of the path stands. */
  keyPlace(path: Path): Place;
}

export const LARGEST_BYTES = 1024 * 1024;
/** Names and values together: far more than any file that a person wrote. */
const MOST_VALUES = 20_000;

type Read =
  | { readonly source: Source; readonly problems: readonly [] }
  | { readonly source: null; readonly problems: readonly Problem[] };

/**
 * Reads one YAML document (core schema). Refused: more than 1 MiB or 20,000 values, several documents, anchors, aliases,
 * tags, duplicate or empty keys, numbers that JSON does not have.
 */
export function readYaml(file: string, text: string): Read {
  try {
    return readDocument(file, text);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { mark, reason } = error;
    const place = mark ? { source: file, line: mark.line + 1, column: mark.column + 1 } : { source: file };
    return refused(place, `expected YAML, got an error: ${reason}; correct the file`);
  }
}

function readDocument(file: string, text: string): Read {
  const whole: Place = { source: file };
  const bytes = Buffer.byteLength(text);
  if (bytes > LARGEST_BYTES) return refused(whole, `expected at most 1 MiB, got ${bytes} bytes; split it`);
  const events = parseEvents(text, { filename: file });
  if (events.length > MOST_VALUES) {
    return refused(whole, `expected at most ${MOST_VALUES} names and values, got ${events.length}; split the file`);
  }
  const place = placeAt(file, text);
  const walk = new YamlWalk(events, text);
  if (walk.refused.length > 0) {
    return {
      source: null,
      problems: walk.refused.map(({ offset, path, message }) => problem(place(offset), path, message)),
    };
  }
  const [value, ...more]: unknown[] = constructFromEvents(events, { source: text, filename: file, maxAliases: 0 });
  if (value === undefined || more.length > 0 || !isJson(value)) {
    return refused(
      whole,
      `expected one YAML document, got ${value === undefined ? 'none' : 'several'}; correct the file`,
    );
  }
  const problems = inexactNumbers(value, walk.offsets, place);
  if (problems.length > 0) return { source: null, problems };
  return { source: sourceOf(file, value, walk.offsets, place), problems: [] };
}

function refused(place: Place, message: string): Read {
  return { source: null, problems: [problem(place, [], message)] };
}

/** Infinities, and whole numbers so large that they would lose digits: an arch code that is not in quotes. */
function inexactNumbers(
  value: Json,
  offsets: ReadonlyMap<string, Offsets>,
  place: (offset: number) => Place,
): Problem[] {
  return [...offsets.values()].flatMap(({ path, value: at }) => {
    const number = valueAt(value, path);
    if (
      typeof number !== 'number' ||
      Number.isSafeInteger(number) ||
      (Number.isFinite(number) && !Number.isInteger(number))
    )
      return [];
    const message = `expected a number that can be kept exactly, got ${number}; put it in quotes if it is a text`;
    return [problem(place(at), path, message)];
  });
}

function sourceOf(
  file: string,
  value: Json,
  offsets: ReadonlyMap<string, Offsets>,
  place: (offset: number) => Place,
): Source {
  const find = (path: Path): Offsets => {
    for (let length = path.length; length > 0; length--) {
      const found = offsets.get(pointer(path.slice(0, length)));
      if (found) return found;
    }
    return { path: [], key: 0, value: 0 };
  };
  return {
    file,
    value,
    has: (path) => path.length === 0 || offsets.has(pointer(path)),
    place: (path) => place(find(path).value),
    keyPlace: (path) => place(find(path).key),
  };
}

function placeAt(file: string, text: string): (offset: number) => Place {
  const starts = [0, ...[...text.matchAll(/\r\n|\r|\n/g)].map((match) => match.index + match[0].length)];
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { source: file, line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

/** The core schema gives nothing else; numbers are looked at apart. */
function isJson(value: unknown): value is Json {
  if (value === null || ['string', 'boolean', 'number'].includes(typeof value)) return true;
  return typeof value === 'object' && Object.values(value).every(isJson);
}

/** One pass over the events of a YAML document: where each of its values stands, and what we do not take. */

/** Where a value stands in the text; a map or a list stands where its key does. */
interface Offsets {
  readonly path: Path;
  readonly key: number;
  readonly value: number;
}

interface Refused {
  readonly offset: number;
  readonly path: Path;
  readonly message: string;
}

type ValueEvent = Exclude<Event, { type: typeof EVENT_DOCUMENT } | { type: typeof EVENT_POP }>;

/** The name of a path in the map of offsets. */
function pointer(path: Path): string {
  return JSON.stringify(path.map(String));
}

/** Walks the first document; the parser has bounded its depth. */
class YamlWalk {
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
