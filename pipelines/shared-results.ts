import { fingerprintOf } from './fingerprint.ts';
import { kinds } from './kinds/catalogue.ts';
import { problem } from './problems.ts';
import type { Place, Problem } from './problems.ts';
import { isObject } from '../plan/json.ts';
import type { PlanStage } from '../plan/plan.ts';
import { ExpressionError, resolve } from '../plan/references.ts';

/** Results that stages put outside of their own folders: those of two different rankings must not meet in one place. */

/** Stages or cells that would write what differs into one place. References to what only the run knows are compared as written. */
export function sharedResultProblems(stages: readonly PlanStage[], place: (id: string) => Place): Problem[] {
  const taken = new Map<string, { content: string; owner: string }>();
  return stages.flatMap(({ id, uses, with: config, matrix }) => {
    const outside = kinds.get(uses)?.outside;
    if (outside == null) return [];
    const messages = (matrix ?? [{}]).flatMap((cell, index) => {
      const own = matrix === null ? id : `${id}.${index + 1}`;
      const value = known(() => resolve(config, { matrix: cell }));
      if (!isObject(value)) return [];
      const { place: where, refusal, ...holds } = outside(value);
      const content = fingerprintOf(uses, holds.content);
      const before = taken.get(where);
      taken.set(where, before ?? { content, owner: own });
      if (before === undefined || before.content === content) return [];
      return [refusal(before.owner)];
    });
    return messages.slice(0, 1).map((message) => problem(place(id), ['stages', id], message));
  });
}

// A reference that fails is told where the stage is compiled.
function known<T>(value: () => T): T | null {
  try {
    return value();
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}
