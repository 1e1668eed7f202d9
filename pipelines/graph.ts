import { nearest, problem } from './problems.ts';
import type { Report } from './problems.ts';
import type { Source } from './yaml.ts';

/** The stages in order; needs that are no stages, or that make a cycle, are reported. */
export function checkedGraph(
  needs: ReadonlyMap<string, readonly string[]>,
  { source, report }: { readonly source: Source; readonly report: Report },
): Graph {
  const ids = [...needs.keys()];
  for (const [id, list] of needs) {
    list.forEach((need, index) => {
      const path = ['stages', id, 'needs', ...(source.has(['stages', id, 'needs', index]) ? [index] : [])];
      if (need === id) report(problem(source.place(path), path, `expected another stage, got ${id} itself; remove it`));
      else if (list.indexOf(need) < index)
        report(problem(source.place(path), path, `expected each need once, got ${need} twice; remove one`));
      else if (!needs.has(need))
        report(problem(source.place(path), path, `expected a stage of this file, got ${need}${nearest(need, ids)}`));
    });
  }
  const graph = graphOf(needs);
  for (const cycle of graph.cycles.filter(({ length }) => length > 2)) {
    const path = ['stages', cycle[0] ?? '', 'needs'];
    report(
      problem(
        source.place(path),
        path,
        `expected stages without a cycle, got ${walkText(cycle)}; remove one of these needs`,
      ),
    );
  }
  return graph;
}

/** `a needs b needs a`, a long walk without its middle. */
function walkText(cycle: readonly string[]): string {
  const names = cycle.length > 12 ? [...cycle.slice(0, 6), '…', ...cycle.slice(-5)] : cycle;
  return names.join(' needs ');
}

/** The stages as a graph. */

interface Graph {
  /** Topological order, ties in the order of the file; stages of a cycle are left out. */
  readonly order: readonly string[];
  /** Every stage that must be done before, however far. */
  readonly ancestors: ReadonlyMap<string, ReadonlySet<string>>;
  /** Each cycle as a walk that ends where it begins. */
  readonly cycles: readonly (readonly string[])[];
}

/** Orders stages by their needs. Needs that are no stages are ignored: their names are checked elsewhere. */
export function graphOf(needs: ReadonlyMap<string, readonly string[]>): Graph {
  const ancestors = new Map<string, ReadonlySet<string>>();
  const order: string[] = [];
  let rest = [...needs.keys()];
  for (;;) {
    const next = rest.find((id) => known(needs, id).every((need) => ancestors.has(need)));
    if (next === undefined) break;
    const before = known(needs, next);
    ancestors.set(next, new Set([...before, ...before.flatMap((need) => [...(ancestors.get(need) ?? [])])]));
    order.push(next);
    rest = rest.filter((id) => id !== next);
  }
  return { order, ancestors, cycles: cyclesAmong(rest, needs) };
}

/** What is left after ordering lies on a cycle or behind one: from each stage, follow needs until one comes twice. */
function cyclesAmong(rest: readonly string[], needs: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const seen = new Set<string>();
  for (const start of rest) {
    const walk: string[] = [];
    let at: string | undefined = start;
    while (at !== undefined && !seen.has(at)) {
      seen.add(at);
      walk.push(at);
      at = known(needs, at).find((need) => rest.includes(need));
    }
    if (at !== undefined && walk.includes(at)) cycles.push([...walk.slice(walk.indexOf(at)), at]);
  }
  return cycles;
}

function known(needs: ReadonlyMap<string, readonly string[]>, id: string): readonly string[] {
  return (needs.get(id) ?? []).filter((need) => needs.has(need));
}
