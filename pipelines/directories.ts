import { problem, shown } from './problems.ts';
import type { Place, Problem } from './problems.ts';
import { isObject } from '../plan/json.ts';
import type { PlanStage } from '../plan/plan.ts';
import { ExpressionError, references, resolve } from '../plan/references.ts';
import type { JsonObject } from '../plan/json.ts';

/** Where the results of stages and cells lie below the run's folder. */

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
    if (typeof value === 'string' && SAFE.test(value)) return { directory: value };
    return {
      wrong: `expected names of letters, digits, ., _ and - with / between them, got ${shown(value)}; choose others`,
    };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { wrong: `expected a directory, got a reference that fails: ${error.message}; correct it` };
  }
}
