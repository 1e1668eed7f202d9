import { BadInput } from '../../plan/endings.ts';
import { groupMaxima, groupOf } from '../space/groups.ts';
import { internalShape } from './memory-layout.ts';
import { leading } from './ops.ts';
import { Supernet } from './supernet.ts';

/**
 * A supernet with K groups a stage whose weights are cut from another's: every new group from the source's smallest group
 * that holds all of it. The momentum is not inherited; the source is left as it is.
 * @param groups K, at least the source's
 * @throws BadInput if it is not
 */
export function inherit(source: Supernet, groups: number): Supernet {
  const { space, classes, precision, epsilon } = source;
  if (groups < source.groups) {
    throw new BadInput(`inheritance: expected at least the source's ${source.groups} groups, got ${groups}`);
  }
  const maxima = groupMaxima(space, groups);
  const sourceGroup = (stage: number, group: number): number => {
    // The classifiers have the groups of the last stage; the stem has one.
    const grouped = Math.min(stage, space.stages.length - 1);
    return grouped < 0 ? 0 : groupOf(source.maxima[grouped]!, maxima[grouped]![group]!);
  };
  return new Supernet({ space, classes, groups, precision, epsilon }, (spec) => {
    const from = source.parameter({ ...spec, group: sourceGroup(spec.stage, spec.group) }, spec.kind);
    return leading(from.value(), internalShape(spec.shape));
  });
}
