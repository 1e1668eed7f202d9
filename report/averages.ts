import { z } from 'zod';
import { supernetFigures } from './figures.ts';
import type { Scored, SupernetFigures } from './figures.ts';
import { supernetScores } from '../nas/evaluation/supernet-scores.ts';
import { SelectedSupernet } from '../artifacts/references.ts';
import { standardised } from '../nas/evaluation/correlation.ts';
import { assertFits, rankedAt, ScoreName } from '../nas/evaluation/epoch-scores.ts';
import type { Counted } from '../nas/evaluation/ground-truth.ts';
import type { Space } from '../nas/space/space.ts';

// Rankings by the mean of several: of the last epochs of a supernet, of supernets that differ in their seed, with sizes or without.

/** One such ranking, as `with.averages` of a report describes it. */
export const Average = z.strictObject({
  supernets: z.array(SelectedSupernet).min(1).meta({ description: '`${{ stages.<id>.selected }}`, one or more.' }),
  epochs: z
    .int()
    .positive()
    .default(1)
    .meta({ description: 'How many of each: the chosen one and those before it.', unit: 'epochs' }),
  score: ScoreName.optional().meta({
    description: 'What each scores by; where absent, what its stage chose its epoch by.',
  }),
  sizes: z.boolean().default(false).meta({
    description:
      'Whether log parameters, log MACs and depth count too: with weights fitted on the subnets that are not held out, and never on the tenth that is scored.',
  }),
});
type Average = z.infer<typeof Average>;

export interface AverageRow extends SupernetFigures {
  readonly name: string;
  readonly supernets: number;
  readonly epochs: number;
  readonly sizes: boolean;
}

const SEED = 1;

/** The figures of a ranking by the mean of several, each in units of its own spread. */
export async function averageRow(
  root: string,
  {
    name,
    of,
    space,
    classes,
  }: { readonly name: string; readonly of: Average; readonly space: Space; readonly classes: number },
  these: Counted,
  untrained: readonly Scored[],
): Promise<AverageRow> {
  const { supernets, epochs, score, sizes } = of;
  const each = await Promise.all(
    supernets.map(async (supernet) => (await supernetScores(root, supernet, these, { epochs, score })).byEpoch),
  );
  const mean = meanOf(each.flat());
  assertFits(name, these.whole, { sizes });
  const scores = rankedAt({ space, classes }, these, mean, { sizes });
  return {
    name,
    supernets: supernets.length,
    epochs,
    sizes,
    ...supernetFigures(these.truth, scores, untrained, SEED),
  };
}

/** The mean of several lists of scores of the same subnets, each standardised: a list of a wider spread counts no more. */
export function meanOf(lists: readonly (readonly number[])[]): Float64Array {
  const each = lists.map(standardised);
  return each[0]!.map((_, at) => each.reduce((sum, list) => sum + list[at]!, 0) / each.length);
}
