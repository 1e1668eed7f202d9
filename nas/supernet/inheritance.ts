import { BadInput } from '../../plan/endings.ts';
import { blockPrefix, classifierPrefix, groupMaxima, groupOf } from '../space/layout.ts';
import type { ParameterSpec } from '../space/layout.ts';
import { Supernet } from './network.ts';
import { leading } from './ops.ts';
import { internalShape } from './parameters.ts';

/**
 * A supernet with K groups a stage whose weights are cut from another's: every new group from the source's smallest group
 * whose maximum is not below its own. The momentum is not inherited; the source is left as it is.
 * @param groups K, at least the source's
 * @throws BadInput if it is not
 */
export function inherit(source: Supernet, groups: number): Supernet {
  const { space, classes, precision, epsilon } = source;
  if (groups < source.groups) {
    throw new BadInput(`inheritance: expected at least the source's ${source.groups} groups, got ${groups}`);
  }
  const maxima = groupMaxima(space, groups);

  const sourceName = ({ name, stage, group, block }: ParameterSpec): string => {
    if (stage < 0) return name;
    const isClassifier = stage === space.stages.length;
    const place = isClassifier ? stage - 1 : stage;
    const from = groupOf(source.maxima[place]!, maxima[place]![group]!);
    const own = isClassifier ? classifierPrefix(groups, group) : blockPrefix(space, groups, stage, group, block);
    const theirs = isClassifier
      ? classifierPrefix(source.groups, from)
      : blockPrefix(space, source.groups, stage, from, block);
    return theirs + name.slice(own.length);
  };

  return new Supernet({ space, classes, groups, precision, epsilon }, (spec) =>
    leading(source.parameters.get(sourceName(spec)).value(), internalShape(spec.shape)),
  );
}
