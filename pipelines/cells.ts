import { problem, shown } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { Project } from './project.ts';
import type { StageFile } from './schema.ts';
import type { Space } from '../nas/space/space.ts';
import { isObject } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';
import type { PlanStage } from '../plan/plan.ts';
import { ExpressionError, references, resolve } from '../plan/references.ts';

/** The cells of a matrix stage, every combination of its values, and the folder that each of them has. */

const MOST_CELLS = 1000;

interface Asking {
  readonly project: Project;
  /** Null where the stage has none, or a wrong one. */
  readonly space: Space | null;
  readonly place: (path: Path) => Place;
  readonly prefix: Path;
}

/** All cells in order, the last name fastest; none beside the problems that forbid it. */
export function combinations(
  matrix: NonNullable<StageFile['matrix']>,
  asking: Asking,
): { cells: JsonObject[]; problems: Problem[] } {
  const problems: Problem[] = [];
  let cells: JsonObject[] = [{}];
  for (const [name, given] of Object.entries(matrix)) {
    const refuse = (message: string): number =>
      problems.push(problem(asking.place(['matrix', name]), [...asking.prefix, 'matrix', name], message));
    const values = valuesOf(given, name, asking, refuse, problems);
    if (new Set(values.map((value) => JSON.stringify(value))).size < values.length)
      refuse('expected different values, got one twice; remove it');
    if (cells.length * values.length > MOST_CELLS)
      refuse(`expected at most ${MOST_CELLS} cells, got ${cells.length * values.length}; take fewer values`);
    else cells = cells.flatMap((cell) => values.map((value) => ({ ...cell, [name]: value })));
  }
  return { cells: problems.length > 0 ? [] : cells, problems };
}

function valuesOf(
  given: NonNullable<StageFile['matrix']>[string],
  name: string,
  asking: Asking,
  refuse: (message: string) => number,
  problems: Problem[],
): Json[] {
  if (JSON.stringify(given).includes('${{')) {
    refuse('expected values that are known before the run, got a reference; write them out, or use ${{ params.… }}');
    return [];
  }
  if (typeof given !== 'object') return expanded(given, refuse);
  if (!('subnets' in given)) return given;
  const { project, space, place, prefix } = asking;
  if (space === null) return [];
  const at = ['matrix', name, 'subnets'];
  const found = project.subnets(given.subnets, space, place(at), [...prefix, ...at]);
  if ('problems' in found) {
    problems.push(...found.problems);
    return [];
  }
  const wanted = given.only ?? `1..${found.value.length}`;
  return (typeof wanted === 'object' ? wanted : expanded(wanted, refuse)).flatMap((number) => {
    const subnet = typeof number === 'number' ? found.value[number - 1] : undefined;
    if (subnet) return [{ number, code: subnet.code }];
    refuse(`expected only numbers 1..${found.value.length} of ${given.subnets}, got ${shown(number)}; correct only`);
    return [];
  });
}

const RANGE = /^(-?\d{1,9})\.\.(-?\d{1,9})$/;
/** Of a range: `01..08` would give 1, not 01. */
const PLAIN_NUMBER = /^(0|-?[1-9]\d*)$/;

/** `1..8` → the numbers from 1 to 8; any other value alone. */
function expanded(value: string | number | boolean, refuse: (message: string) => number): Json[] {
  const range = typeof value === 'string' ? RANGE.exec(value) : null;
  if (!range) return [value];
  const [, from = '', to = ''] = range;
  const [first, count] = [Number(from), Number(to) - Number(from) + 1];
  if (!PLAIN_NUMBER.test(from) || !PLAIN_NUMBER.test(to)) {
    refuse(`expected a range of numbers such as 1..8, got ${JSON.stringify(value)}; list the texts, each in quotes`);
  } else if (count >= 1 && count <= MOST_CELLS) {
    return Array.from({ length: count }, (_, index) => first + index);
  } else {
    refuse(`expected a range of 1..${MOST_CELLS} values, got ${JSON.stringify(value)}; write it as first..last`);
  }
  return [];
}

/** Names of a matrix that neither `with` nor the folder asks for: their cells would all make the same. */
export function idleNames(names: readonly string[], ...texts: readonly (Json | undefined)[]): string[] {
  const used = new Set(
    [...JSON.stringify(texts).matchAll(/\bmatrix\.([A-Za-z0-9_][A-Za-z0-9_-]*)/g)].map((match) => match[1]),
  );
  return names.filter((name) => !used.has(name));
}

const LONGEST_DIRECTORY = 200;
const SAFE = /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;

/** The folder of a stage: as written, else its id, with a folder below it for each cell. */
export function directoryOf(written: string | undefined, id: string, cell: JsonObject | null): string {
  if (written !== undefined) return written;
  if (cell === null) return id;
  const names = Object.entries(cell).map(
    ([name, value]) => `\${{ matrix.${name}${isObject(value) ? '.number' : ''} }}`,
  );
  return `${id}/${names.join('-')}`;
}

/** Folders that are no safe names, that refer to what only the run knows, or that two stages or cells would share. */
export function directoryProblems(stages: readonly PlanStage[], place: (id: string) => Place): Problem[] {
  const taken = new Map<string, string>();
  return stages.flatMap(({ id, directory, matrix }) => {
    const messages = (matrix ?? [{}]).flatMap((cell) => {
      const own = resolved(directory, cell);
      if ('wrong' in own) return [own.wrong];
      const owner = taken.get(own.directory);
      taken.set(own.directory, owner ?? (matrix ? `a cell of ${id}` : id));
      return owner === undefined
        ? []
        : [`expected a directory of its own, got ${own.directory}, which ${owner} has; name another`];
    });
    return messages.map((message) => problem(place(id), ['stages', id, 'directory'], message));
  });
}

function resolved(written: string, cell: JsonObject): { directory: string } | { wrong: string } {
  try {
    if (references(written).some(({ scope }) => scope !== 'matrix')) {
      return {
        wrong: `expected no reference but to matrix.…, got ${JSON.stringify(written)}; a directory is known before the run`,
      };
    }
    const value = resolve(written, { matrix: cell });
    // One reference alone keeps its type: a number is no directory.
    if (typeof value === 'string' && SAFE.test(value) && value.length <= LONGEST_DIRECTORY) return { directory: value };
    return {
      wrong: `expected names of letters, digits, ., _ and - with / between them, got ${shown(value)}; choose others`,
    };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { wrong: `expected a directory, got a reference that fails: ${error.message}; correct it` };
  }
}
