/** YAML that knows where each of its values stands, so that every later error can name line and column. */
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
import { valueAt } from './json.ts';
import type { Json } from './plan.ts';
import { problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';

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

interface Offsets {
  readonly path: Path;
  readonly key: number;
  readonly value: number;
}

/**
 * Reads one YAML document (core schema). Refused: more than 1 MiB, several documents, anchors, aliases, tags, duplicate or
 * empty keys, numbers that JSON does not have.
 */
export function readYaml(file: string, text: string): { source: Source | null; problems: Problem[] } {
  const whole: Place = { source: file };
  if (Buffer.byteLength(text) > LARGEST_BYTES) {
    return {
      source: null,
      problems: [problem(whole, [], `expected at most 1 MiB, got ${Buffer.byteLength(text)} bytes; split it`)],
    };
  }
  const place = placeAt(file, text);
  try {
    const events = parseEvents(text, { filename: file });
    const { offsets, problems } = walk(events, text, place);
    if (problems.length > 0) return { source: null, problems };
    const [value, ...more]: unknown[] = constructFromEvents(events, { source: text, filename: file, maxAliases: 0 });
    if (value === undefined || more.length > 0 || !isJson(value)) {
      return {
        source: null,
        problems: [
          problem(
            whole,
            [],
            `expected one YAML document, got ${value === undefined ? 'none' : 'several'}; correct the file`,
          ),
        ],
      };
    }
    const inexact = [...offsets.values()].flatMap(({ path, value: at }) => {
      const number = valueAt(value, path);
      const exact =
        typeof number !== 'number' ||
        Number.isSafeInteger(number) ||
        (Number.isFinite(number) && !Number.isInteger(number));
      return exact
        ? []
        : [
            problem(
              place(at),
              path,
              `expected a number that can be kept exactly, got ${number}; put it in quotes if it is a text`,
            ),
          ];
    });
    if (inexact.length > 0) return { source: null, problems: inexact };
    return { source: sourceOf(file, value, offsets, place), problems: [] };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const at = error.mark ? { ...whole, line: error.mark.line + 1, column: error.mark.column + 1 } : whole;
    return {
      source: null,
      problems: [problem(at, [], `expected YAML, got an error: ${error.reason}; correct the file`)],
    };
  }
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

interface Frame {
  readonly path: Path;
  /** The names of a map so far; null for a list. */
  readonly keys: Set<string> | null;
  /** The key whose value comes next. */
  key: { readonly name: string; readonly offset: number } | null;
  items: number;
}

/** One pass over the events: where each value stands, and what we refuse. */
function walk(
  events: readonly Event[],
  text: string,
  place: (offset: number) => Place,
): { offsets: Map<string, Offsets>; problems: Problem[] } {
  const offsets = new Map<string, Offsets>();
  const problems: Problem[] = [];
  const frames: Frame[] = [];
  const refuse = (offset: number, path: Path, message: string): void =>
    void problems.push(problem(place(offset), path, message));
  for (const event of events) {
    if (event.type === EVENT_DOCUMENT) {
      frames.push({ path: [], keys: null, key: null, items: -1 });
      continue;
    }
    if (event.type === EVENT_POP) {
      frames.pop();
      continue;
    }
    const frame = frames.at(-1);
    if (!frame) continue;
    const start = startOf(event);
    if (event.type === EVENT_ALIAS || event.anchorStart >= 0) {
      refuse(
        event.anchorStart,
        frame.path,
        'expected a value, got an anchor or alias; write the value out, or use ${{ params.… }}',
      );
    } else if (event.tagStart >= 0) {
      refuse(event.tagStart, frame.path, 'expected a plain value, got a YAML tag; leave the tag out');
    }
    const container = event.type === EVENT_MAPPING || event.type === EVENT_SEQUENCE;
    if (frame.keys && !frame.key) {
      if (container || event.type === EVENT_ALIAS) {
        refuse(start, frame.path, 'expected a name as key, got a map, list or alias; write a name');
        frame.key = { name: '', offset: start };
        if (container) frames.push({ path: frame.path, keys: null, key: null, items: 0 });
        continue;
      }
      const name = start < 0 ? '' : getScalarValue(text, event);
      const path = [...frame.path, name];
      const offset = start < 0 ? (offsets.get(pointer(frame.path))?.value ?? 0) : start;
      if (name === '' || name === '__proto__')
        refuse(offset, path, `expected a name as key, got ${JSON.stringify(name)}; write a name`);
      if (frame.keys.has(name)) refuse(offset, path, 'expected each name once, got it twice; remove one');
      frame.keys.add(name);
      frame.key = { name, offset };
      continue;
    }
    // A document's only value has the empty path.
    const path = frame.items < 0 ? [] : [...frame.path, frame.key?.name ?? frame.items];
    frame.items += frame.keys || frame.items < 0 ? 0 : 1;
    const key = frame.key?.offset ?? start;
    frame.key = null;
    if (!offsets.has(pointer(path)))
      offsets.set(pointer(path), { path, key, value: start < 0 || container ? key : start });
    if (container) frames.push({ path, keys: event.type === EVENT_MAPPING ? new Set() : null, key: null, items: 0 });
  }
  return { offsets, problems };
}

function startOf(event: Exclude<Event, { type: typeof EVENT_DOCUMENT } | { type: typeof EVENT_POP }>): number {
  if ('valueStart' in event) {
    const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    return event.valueStart - (quoted ? 1 : 0);
  }
  return 'start' in event ? event.start : event.anchorStart;
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

function pointer(path: Path): string {
  return JSON.stringify(path.map(String));
}

/** The core schema gives nothing else; numbers are looked at apart. */
function isJson(value: unknown): value is Json {
  if (typeof value !== 'object' || value === null)
    return ['string', 'boolean', 'number'].includes(typeof value) || value === null;
  return Object.values(value).every(isJson);
}
