import {
  constructFromEvents,
  EVENT_ALIAS,
  EVENT_DOCUMENT,
  EVENT_MAPPING,
  EVENT_POP,
  EVENT_SCALAR,
  EVENT_SEQUENCE,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
} from 'js-yaml';
import type { Event } from 'js-yaml';
import { problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { Json } from '../plan/json.ts';

/** YAML that knows where each of its values stands and how it is written, so that later errors can name line and column. */

/** A value that a person wrote, with all inside it. */
export interface Located {
  readonly value: Json;
  has(path: Path): boolean;
  /** Where the value stands (a map or a list: its key); of a path that is not there, the nearest one above it. */
  place(path: Path): Place;
  /** Where the last name of the path stands. */
  keyPlace(path: Path): Place;
  /** How a value is written that is not in quotes, `3.10` for the number 3.1; undefined for all others. */
  written(path: Path): string | undefined;
}

/** A YAML file, read. */
export interface Source extends Located {
  /** Relative to the project root. */
  readonly file: string;
}

export const LARGEST_BYTES = 1024 * 1024;
/** Names and values together: far more than any file that a person wrote. */
const MOST_VALUES = 20_000;

type Read =
  | { readonly source: Source; readonly problems: readonly [] }
  | { readonly source: null; readonly problems: readonly Problem[] };

/**
 * Reads one YAML document (core schema; names are taken as they are written). Refused: more than 1 MiB or 20,000 values,
 * several documents, anchors, aliases, tags, names given twice or empty, numbers that JSON does not have.
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
  const documents = events.filter(({ type }) => type === EVENT_DOCUMENT).length;
  if (documents !== 1) {
    const got = documents === 0 ? 'none' : 'several';
    return refused(whole, `expected one YAML document, got ${got}; correct the file`);
  }
  const reader = new Reader(events, text);
  const root = reader.read();
  const place = placeAt(file, text);
  const problems = reader.refused.map(({ offset, path, message }) => problem(place(offset), path, message));
  return problems.length > 0 ? { source: null, problems } : { source: sourceOf(file, root, place), problems: [] };
}

function refused(place: Place, message: string): Read {
  return { source: null, problems: [problem(place, [], message)] };
}

/** A value with what is inside it. Offsets are characters from the beginning. */
interface Node {
  readonly value: Json;
  /** Where its name stands; in a list where it stands itself. */
  readonly key: number;
  /** Where it stands; a map or a list stands where its key does. */
  readonly start: number;
  readonly written: string | undefined;
  /** By name, or by position. */
  readonly members: ReadonlyMap<string, Node>;
}

function sourceOf(file: string, root: Node, place: (offset: number) => Place): Source {
  const find = (path: Path): { node: Node; isWhole: boolean } => {
    let node = root;
    for (const name of path) {
      const next = node.members.get(String(name));
      if (next === undefined) return { node, isWhole: false };
      node = next;
    }
    return { node, isWhole: true };
  };
  return {
    file,
    value: root.value,
    has: (path) => find(path).isWhole,
    place: (path) => place(find(path).node.start),
    keyPlace: (path) => place(find(path).node.key),
    written(path) {
      const { node, isWhole } = find(path);
      return isWhole ? node.written : undefined;
    },
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

interface Refused {
  readonly offset: number;
  readonly path: Path;
  readonly message: string;
}

type ValueEvent = Exclude<Event, { type: typeof EVENT_DOCUMENT } | { type: typeof EVENT_POP }>;
type ScalarEvent = Extract<Event, { type: typeof EVENT_SCALAR }>;

/** Makes nodes of the parser's events, and notes what is not taken. The parser has bounded their depth. */
class Reader {
  readonly refused: Refused[] = [];
  readonly #events: readonly Event[];
  readonly #text: string;
  // Behind the beginning of the document.
  #at = 1;

  constructor(events: readonly Event[], text: string) {
    this.#events = events;
    this.#text = text;
  }

  /** The one document. */
  read(): Node {
    return this.#value([], 0) ?? { value: null, key: 0, start: 0, written: undefined, members: new Map() };
  }

  /** A value and all inside it. `key` is where its name stands; undefined in a list. */
  #value(path: Path, key?: number): Node | null {
    const event = this.#next();
    if (!event) return null;
    this.#refuseMarks(event, path);
    const own = key ?? startOf(event);
    if (event.type === EVENT_MAPPING) return this.#map(path, own);
    if (event.type === EVENT_SEQUENCE) return this.#list(path, own);
    const start = startOf(event) >= 0 ? startOf(event) : own;
    const scalar = { key: own, start, members: new Map<string, Node>() };
    if (event.type === EVENT_ALIAS) return { ...scalar, value: null, written: undefined };
    const value = this.#scalar(event, path, start);
    const isPlain = event.style === SCALAR_STYLE.PLAIN;
    return { ...scalar, value, written: isPlain ? this.#textOf(event) : undefined };
  }

  #map(path: Path, start: number): Node {
    const members = new Map<string, Node>();
    while (!this.#ends()) {
      const { name, offset } = this.#name(path, start);
      if (members.has(name)) this.#refuse(offset, [...path, name], 'expected each name once, got it twice; remove one');
      const node = this.#value([...path, name], offset);
      if (node) members.set(name, node);
    }
    const value = Object.fromEntries([...members].map(([name, node]) => [name, node.value]));
    return { value, key: start, start, written: undefined, members };
  }

  #list(path: Path, start: number): Node {
    const members = new Map<string, Node>();
    while (!this.#ends()) {
      const node = this.#value([...path, members.size]);
      if (node) members.set(String(members.size), node);
    }
    return { value: [...members.values()].map(({ value }) => value), key: start, start, written: undefined, members };
  }

  /** What the core schema makes of it. Infinities, and whole numbers that would lose digits (an arch code that is not in quotes), are refused. */
  #scalar(event: ScalarEvent, path: Path, offset: number): Json {
    if (event.style !== SCALAR_STYLE.PLAIN) return this.#textOf(event);
    const document = [this.#events[0]!, { ...event, anchorStart: -1, tagStart: -1 }, END];
    const [value]: unknown[] = constructFromEvents(document, { source: this.#text });
    if (typeof value !== 'number') return typeof value === 'string' || typeof value === 'boolean' ? value : null;
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      const message = `expected a number that can be kept exactly, got ${value}; put it in quotes if it is a text`;
      this.#refuse(offset, path, message);
    }
    return value;
  }

  /** A key of a map that stands at `above`. */
  #name(path: Path, above: number): { name: string; offset: number } {
    const event = this.#next();
    const offset = event && startOf(event) >= 0 ? startOf(event) : above;
    if (event?.type !== EVENT_SCALAR) {
      this.#refuse(offset, path, 'expected a name as key, got a map, list or alias; write a name');
      this.#at = this.#events.length;
      return { name: '', offset };
    }
    this.#refuseMarks(event, path);
    const name = this.#textOf(event);
    if (name === '' || name === '__proto__') {
      this.#refuse(offset, [...path, name], `expected a name as key, got ${JSON.stringify(name)}; write a name`);
    }
    return { name, offset };
  }

  #textOf(event: ScalarEvent): string {
    return event.valueStart < 0 ? '' : getScalarValue(this.#text, event);
  }

  #refuseMarks(event: ValueEvent, path: Path): void {
    if (event.anchorStart >= 0) {
      const message = 'expected a value, got an anchor or alias; write the value out, or use ${{ params.… }}';
      this.#refuse(event.anchorStart, path, message);
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

const END: Event = { type: EVENT_POP };

function startOf(event: ValueEvent): number {
  if ('valueStart' in event) {
    const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    return event.valueStart - (isQuoted ? 1 : 0);
  }
  return 'start' in event ? event.start : event.anchorStart;
}
