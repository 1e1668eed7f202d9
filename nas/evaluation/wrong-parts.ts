import type { PartScores } from './merge.ts';
import type { Accuracies, RankingSet } from './ranking-files.ts';

/** One line for every part that is missing, doubled or foreign. */
export function wrongParts(set: RankingSet, parts: readonly PartScores[]): string[] {
  const numbers = parts.map(({ part }) => part);
  const expected = Array.from({ length: set.parts }, (_, index) => index + 1);
  const times = (part: number): number => numbers.filter((number) => number === part).length;
  return [
    ...expected.filter((part) => times(part) === 0).map((part) => `part ${part}: missing; evaluate it`),
    ...expected
      .filter((part) => times(part) > 1)
      .map((part) => `part ${part}: given ${times(part)} times; give it once`),
    ...numbers
      .filter((part) => !expected.includes(part))
      .map((part) => `part ${part}: foreign, the set has ${set.parts} parts; leave it out`),
  ];
}

/** One line for each way in which a part does not hold exactly the subnets that the set gives to it. */
export function wrongSubnets(set: RankingSet, scores: PartScores): string[] {
  const { part, top1, top5, table } = scores;
  const own = Object.keys(set.subnets).filter((id) => set.subnets[id]!.part === part);
  const lists: Record<string, readonly Entry[]> = {
    top1: entriesOf(top1),
    top5: entriesOf(top5),
    table,
  };
  const problems = Object.entries(lists).flatMap(([list, entries]) => {
    const seen = new Set<string>();
    const wrong = { missing: [] as string[], doubled: [] as string[], foreign: [] as string[] };
    for (const { id, code } of entries) {
      if (seen.has(id)) wrong.doubled.push(id);
      seen.add(id);
      const given = set.subnets[id];
      if (given?.part !== part || given.arch !== code) wrong.foreign.push(id);
    }
    wrong.missing = own.filter((id) => !seen.has(id));
    return Object.entries(wrong).flatMap(([what, ids]) => (ids.length > 0 ? `${list}: ${what} ${named(ids)}` : []));
  });
  if (problems.length === 0) {
    const differing = table.filter((row) => top1[row.id]?.acc !== row.top1 || top5[row.id]?.acc !== row.top5);
    const ids = differing.map(({ id }) => id);
    if (ids.length > 0) problems.push(`table: other accuracies than the JSON files for ${named(ids)}`);
  }
  return problems.map((problem) => `part ${part}: ${problem}; evaluate the part anew`);
}

interface Entry {
  readonly id: string;
  readonly code: string;
}

function entriesOf(accuracies: Accuracies): Entry[] {
  return Object.entries(accuracies).map(([id, { arch }]) => ({ id, code: arch }));
}

const NAMED = 10;

function named(ids: readonly string[]): string {
  const rest = ids.length - NAMED;
  return ids.slice(0, NAMED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
