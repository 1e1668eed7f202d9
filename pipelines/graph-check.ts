import type { Context } from './compile.ts';
import { graphOf } from './order.ts';
import type { Graph } from './order.ts';
import { nearest, problem } from './problems.ts';

/** The stages in order; needs that are no stages, or that make a cycle, are reported. */
export function checkedGraph(needs: ReadonlyMap<string, readonly string[]>, { source, report }: Context): Graph {
  const ids = [...needs.keys()];
  for (const [id, list] of needs) {
    list.forEach((need, index) => {
      const path = ['stages', id, 'needs', ...(source.has(['stages', id, 'needs', index]) ? [index] : [])];
      if (need === id) report(problem(source.place(path), path, `expected another stage, got ${id} itself; remove it`));
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
