/** The cells of a matrix stage: every combination of its values. */
import type { Space } from '../nas/space/space.ts';
import type { Json } from './plan.ts';
import type { Project } from './names.ts';
import { problem, shown } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { StageFile } from './schema.ts';

export const MOST_CELLS = 1000;

type Cell = Readonly<Record<string, Json>>;

interface Asking {
  readonly project: Project;
  /** Null where the stage has none, or a wrong one. */
  readonly space: Space | null;
  readonly place: (path: Path) => Place;
  readonly prefix: Path;
}

/** All cells in order, the last name fastest; none beside the problems that forbid it. */
export function cellsOf(
  matrix: NonNullable<StageFile['matrix']>,
  asking: Asking,
): { cells: Cell[]; problems: Problem[] } {
  const problems: Problem[] = [];
  let cells: Cell[] = [{}];
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

type Given = NonNullable<StageFile['matrix']>[string];

function valuesOf(
  given: Given,
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

/** `1..8` → the numbers from 1 to 8; any other value alone. */
function expanded(value: string | number | boolean, refuse: (message: string) => number): Json[] {
  const range = typeof value === 'string' ? /^(-?\d{1,9})\.\.(-?\d{1,9})$/.exec(value) : null;
  if (!range) return [value];
  const [first, last] = [Number(range[1]), Number(range[2])];
  const count = last - first + 1;
  if (count >= 1 && count <= MOST_CELLS) return Array.from({ length: count }, (_, index) => first + index);
  refuse(`expected a range of 1..${MOST_CELLS} values, got ${JSON.stringify(value)}; write it as first..last`);
  return [];
}
