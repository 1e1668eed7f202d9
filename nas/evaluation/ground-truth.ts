import { z } from 'zod';
import { groupsOf, noiseCeiling, reliability } from './agreement.ts';
import { readResult } from '../../artifacts/results.ts';
import type { StageFiles } from '../../artifacts/store.ts';
import { ClassCount } from '../../configs/dataset-schema.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { BadInput } from '../../plan/endings.ts';
import { projectFile } from '../process/stage-io.ts';
import type { Space, Subnet } from '../space/space.ts';
import { parseSubnetList } from '../space/subnet-list.ts';
import { FileReference } from '../../artifacts/references.ts';

// The ground truth of a space: subnets that were trained alone, what they reached, and how far those figures can be trusted.

/** `result.json` of `train-standalone`: how one subnet does alone, in percent. */
export const StandaloneResult = z.strictObject({
  version: z.literal(1),
  arch: z.string(),
  /** Images each accuracy was measured on. */
  images: z.int().positive(),
  runs: z.array(z.strictObject({ seed: z.int(), top1: z.number(), top5: z.number() })).min(1),
  /** Of top-1 over the runs. */
  mean: z.number(),
  /** Of that mean; null for a single run. */
  standardError: z.number().nonnegative().nullable(),
});
export type StandaloneResult = z.infer<typeof StandaloneResult>;

/** What `${{ stages.<standalone>.result }}` gives. */
const StandaloneResultReference = FileReference.extend({
  arch: z.string().meta({ description: 'The arch code.' }),
  mean: z.number().meta({ description: 'Mean top-1 accuracy over its seeds.', unit: 'percent' }),
});

/** `with` of `ground-truth-table`. */
export const GroundTruthTableConfig = z
  .strictObject({
    space: SpaceConfig,
    n_classes: ClassCount,
    results: z
      .array(StandaloneResultReference)
      .meta({ description: 'Subnets of any size, usually `${{ stages.<standalone>.result }}`.' }),
    bands: z.record(z.string().min(1), z.array(StandaloneResultReference).min(1)).optional().meta({
      description:
        'Subnets of equal size, by the name of their band: within a band, counting parameters cannot rank them.',
    }),
    hold_out: z.int().min(2).optional().meta({
      description: 'N: every Nth subnet is held out, of each band and of the others: what is tuned is not tuned on it.',
      unit: 'subnets',
    }),
  })
  .refine(({ results, bands = {} }) => results.length + Object.keys(bands).length > 0, {
    path: ['results'],
    message: 'expected the result of at least one subnet, got none',
  });
export type GroundTruthTableConfig = z.infer<typeof GroundTruthTableConfig>;

interface TableEntry {
  readonly result: StandaloneResult;
  readonly band: string | null;
  readonly heldOut: boolean;
}

/** `ground-truth-table`: the accuracies of subnets trained alone, in the form of a ground truth, with what their noise allows. */
export async function groundTruthTable(
  stage: StageFiles,
  { results, bands = {}, hold_out: every = Infinity }: GroundTruthTableConfig,
): Promise<{ table: FileReference }> {
  const groups = [[null, results] as const, ...Object.entries(bands)];
  const listed = groups.flatMap(([band, some]) =>
    some.map((reference, index) => ({ reference, band, heldOut: (index + 1) % every === 0 })),
  );
  const entries = await Promise.all(
    listed.map(async ({ reference, ...rest }): Promise<TableEntry> => {
      const text = await readResult(stage.root, reference);
      return { result: StandaloneResult.parse(JSON.parse(text)), ...rest };
    }),
  );
  const files = await stage.put({
    'ground-truth.json': `${JSON.stringify(tableOf(entries), null, 1)}\n`,
    'ground-truth.md': `${textOf(entries)}\n`,
  });
  return { table: files['ground-truth.json']! };
}

function tableOf(entries: readonly TableEntry[]): object {
  return Object.fromEntries(
    entries.map(({ result: { arch, mean, standardError, runs }, band, heldOut }, index) => [
      `arch${index + 1}`,
      {
        arch,
        acc: mean,
        standard_error: standardError,
        runs: runs.map(({ top1 }) => top1),
        ...(band === null ? {} : { band }),
        ...(heldOut ? { held_out: true } : {}),
      },
    ]),
  );
}

function textOf(entries: readonly TableEntry[]): string {
  const hasBands = entries.some(({ band }) => band !== null);
  const head = ['subnet', ...(hasBands ? ['band'] : []), 'code', 'top-1 %', 'standard error'];
  const rows = entries.map(({ result: { arch, mean, standardError }, band }, index) => [
    `arch${index + 1}`,
    ...(hasBands ? [band ?? ''] : []),
    `\`${arch}\``,
    mean.toFixed(2),
    standardError?.toFixed(2) ?? '',
  ]);
  const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return [...noiseText(entries, hasBands), '', ...table].join('\n');
}

function many(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** What the noise of the accuracies allows: of all subnets, and of those of each band among themselves. */
function noiseText(entries: readonly TableEntry[], hasBands: boolean): string[] {
  const means = entries.map(({ result }) => result.mean);
  const seeds = entries.map(({ result }) => result.runs.length);
  const [fewest, most] = [Math.min(...seeds), Math.max(...seeds)];
  const held = entries.filter(({ heldOut }) => heldOut).length;
  const subnets = `${many(entries.length, 'subnet')} trained alone${held > 0 ? `, ${held} of them held out` : ''}`;
  const all = `${subnets}, ${fewest === most ? '' : `${fewest} to `}${many(most, 'seed')} each: ${Math.min(...means).toFixed(2)} to ${Math.max(...means).toFixed(2)} %.`;
  if (fewest < 2 || entries.length < 3) return [all];
  const shareOf = (positions: readonly number[]): number =>
    reliability(positions.map((at) => entries[at]!.result.runs.map(({ top1 }) => top1)));
  const share = shareOf([...entries.keys()]);
  const ceiling = noiseCeiling(share);
  const groups = groupsOf(entries.map(({ band }) => band)).filter((group) => group.length > 2);
  return [
    all,
    `Reliability of the means ${share.toFixed(3)} (correlation between seeds, Spearman-Brown): a perfect ranking reaches ` +
      `a tau of ${ceiling.kendallTau.toFixed(3)} and a Pearson correlation of ${ceiling.pearson.toFixed(3)} on average.`,
    ...(hasBands ? ['Within the bands:'] : []),
    ...groups.map((group) => {
      const own = shareOf(group);
      return `${entries[group[0]!]!.band}: ${group.length} subnets, reliability ${own.toFixed(3)}, tau at most ${noiseCeiling(own).kendallTau.toFixed(3)} on average.`;
    }),
  ];
}

/** Subnets whose accuracy, each trained alone, is known: what rankings are measured against. Lists are in the file's order. */
export interface GroundTruth {
  /** `arch17`: what the file calls them. */
  readonly names: readonly string[];
  readonly subnets: readonly Subnet[];
  /** Top-1 in percent. */
  readonly accuracies: Float64Array;
  /** By subnet, then by seed, in percent; null where the file has not several runs of each, as the competition's. */
  readonly runs: readonly (readonly number[])[] | null;
  /** The band of equal size that each belongs to; null for none. */
  readonly bands: readonly (string | null)[];
  /** Whether nothing may be chosen by a subnet's accuracy: it is there to measure what was chosen by the others. */
  readonly heldOut: readonly boolean[];
}

const Notes = z.record(
  z.string(),
  z.object({
    runs: z.array(z.number()).optional(),
    band: z.string().nullable().default(null),
    held_out: z.boolean().default(false),
  }),
);

/**
 * Reads the ground truth that a config names, in JSON.
 * @throws BadInput or SubnetListError where it is no such thing
 */
export async function readGroundTruth(space: Space, source: FileReference): Promise<GroundTruth> {
  const text = await projectFile(source);
  const listed = parseSubnetList(space, text, source.file);
  const accuracies = Float64Array.from(listed, ({ id, accuracy }) => {
    if (accuracy !== null) return accuracy;
    throw new BadInput(`${source.file}: ${id}: expected an accuracy (acc), got none; train it alone`);
  });
  const notes = Notes.parse(JSON.parse(text));
  const runs = listed.map(({ id }) => notes[id]!.runs ?? []);
  return {
    names: listed.map(({ id }) => id),
    subnets: listed.map(({ subnet }) => subnet),
    accuracies,
    runs: runs.some((own) => own.length < 2) ? null : runs,
    bands: listed.map(({ id }) => notes[id]!.band),
    heldOut: listed.map(({ id }) => notes[id]!.held_out),
  };
}

/** The part of a ground truth at some positions. */
export function truthAt(truth: GroundTruth, positions: readonly number[]): GroundTruth {
  const at = <T>(list: readonly T[]): T[] => positions.map((position) => list[position]!);
  return {
    names: at(truth.names),
    subnets: at(truth.subnets),
    accuracies: Float64Array.from(positions, (position) => truth.accuracies[position]!),
    runs: truth.runs && at(truth.runs),
    bands: at(truth.bands),
    heldOut: at(truth.heldOut),
  };
}

/** Some subnets of a ground truth, for whoever needs the others too. */
export interface Counted {
  readonly whole: GroundTruth;
  /** In the whole one. */
  readonly positions: readonly number[];
  /** Those alone. */
  readonly truth: GroundTruth;
}

export function counted(whole: GroundTruth, positions: readonly number[]): Counted {
  return { whole, positions, truth: truthAt(whole, positions) };
}

/** Positions of the subnets by which something may be chosen. */
export function chosenBy({ heldOut }: Pick<GroundTruth, 'heldOut'>): number[] {
  return [...heldOut.keys()].filter((position) => !heldOut[position]);
}

/** Positions of the subnets that nothing may be chosen by. */
export function heldOutOf({ heldOut }: GroundTruth): number[] {
  return [...heldOut.keys()].filter((position) => heldOut[position]);
}
