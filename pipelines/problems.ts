import { BadInput } from '../plan/endings.ts';
import type { Json } from '../plan/json.ts';

/** What is wrong with what a person wrote, and where: collected, never thrown one by one. */

export interface Place {
  /** A file relative to the project root, or a flag as it was given (`--set epochs=ten`). */
  readonly source: string;
  /** 1-based; absent for a flag or a file as a whole. */
  readonly line?: number;
  readonly column?: number;
}

export interface Problem extends Place {
  /** Dotted path of what is meant: `stages.few-shot-3.with.groups`; empty for the whole file. */
  readonly at: string;
  /** `expected X, got Y; remedy`. */
  readonly message: string;
}

/** Names and numbers on the way from the top of a document to a value. */
export type Path = readonly (string | number)[];

/** Takes problems as they are found. */
export type Report = (...problems: readonly Problem[]) => void;

export function problem(place: Place, path: Path, message: string): Problem {
  return { ...place, at: path.join('.'), message };
}

/** `quickstart.yml:14:11: stages.few-shot-3.with.groups: expected an integer 2..7, got 9`. */
export function problemText(found: Problem): string {
  const position = found.line === undefined ? '' : `:${found.line}:${found.column ?? 1}`;
  return [`${found.source}${position}`, ...(found.at === '' ? [] : [found.at]), found.message].join(': ');
}

/** Everything that is wrong, one line each, in the order of the files. */
export class PipelineError extends BadInput {
  readonly problems: readonly Problem[];

  constructor(found: readonly Problem[]) {
    const problems = ordered(joined(found));
    super(problems.map(problemText).join('\n'));
    this.problems = problems;
  }
}

/** One problem where several stages have inherited it from one place. */
function joined(problems: readonly Problem[]): Problem[] {
  const groups = new Map<string, Problem[]>();
  for (const one of problems) {
    const key = JSON.stringify([one.source, one.line, one.column, one.message]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap(([first, ...same]) => {
    const others = new Set(same.map(({ at }) => at).filter((at) => at !== first?.at)).size;
    return first ? [others === 0 ? first : { ...first, at: `${first.at} (and ${others} more)` }] : [];
  });
}

function ordered(problems: readonly Problem[]): Problem[] {
  const sources = [...new Set(problems.map(({ source }) => source))];
  return problems.toSorted(
    (a, b) =>
      sources.indexOf(a.source) - sources.indexOf(b.source) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
}

/** A value as an error message shows it: one line, at most 60 characters. */
export function shown(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a map';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…${typeof value === 'string' ? '"' : ''}` : text;
}

/** `; did you mean "epochs"?` for the nearest of the names, or the list of them where none is near. */
export function nearest(name: string, names: readonly string[]): string {
  if (names.length === 0) return '; there is none';
  const [best] = names
    .map((known) => ({ known, distance: distance(name.slice(0, 80), known) }))
    .toSorted((a, b) => a.distance - b.distance);
  if (best && best.distance <= Math.max(1, Math.floor(best.known.length / 3))) return `; did you mean ${best.known}?`;
  return `; known: ${names.slice(0, 40).join(', ')}`;
}

/** Letters to add, drop, change or swap with the next to make one name of the other. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const change = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
      row.push(Math.min(change, swap, at(i - 1, j) + 1, at(i, j - 1) + 1));
    }
  }
  return at(a.length, b.length);
}
