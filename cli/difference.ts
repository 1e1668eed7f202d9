const MOST = 10;

/** How two plans differ, one line a value, ten at most: `stages.one-shot.with.epochs: 3 here, 5 in the run`. Empty if they are the same. */
export function differences(here: object, inRun: object): string[] {
  const ours = leaves(here);
  const theirs = leaves(inRun);
  const changed = [...new Set([...ours.keys(), ...theirs.keys()])].filter((key) => ours.get(key) !== theirs.get(key));
  const lines = changed
    .slice(0, MOST)
    .map((key) => `${key}: ${ours.get(key) ?? 'absent'} here, ${theirs.get(key) ?? 'absent'} in the run`);
  return changed.length > MOST ? [...lines, `and ${changed.length - MOST} more`] : lines;
}

// Every scalar of a plan by its dotted path; a stage stands under its id, so that a new one does not shift the others.
function leaves(value: unknown, path: readonly string[] = [], found = new Map<string, string>()): Map<string, string> {
  if (typeof value !== 'object' || value === null) return found.set(path.join('.'), JSON.stringify(value) ?? 'absent');
  for (const [key, inner] of Object.entries(value)) {
    const name = typeof inner === 'object' && inner !== null && typeof inner.id === 'string' ? inner.id : key;
    leaves(inner, [...path, name], found);
  }
  return found;
}
