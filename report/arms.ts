import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { chosenIn, GroundTruths, sameSubnets } from './chosen.ts';
import type { ChosenSupernet } from './chosen.ts';
import { settingsOf } from './compare.ts';
import { comparePairs, compareRankings } from '../nas/evaluation/agreement.ts';
import type { Comparison } from '../nas/evaluation/agreement.ts';
import { kendallTau } from '../nas/evaluation/correlation.ts';
import { BadInput } from '../plan/endings.ts';
import type { Json } from '../plan/json.ts';

/** What one setting is worth: supernets that differ in it alone, pair by pair, and all pairs together. */
export interface ComparedArms {
  /** Dotted key of `with`. */
  readonly key: string;
  /** The value that the others are held against. */
  readonly first: Json;
  readonly others: readonly ComparedArm[];
}

interface ComparedArm {
  readonly value: Json;
  /** One for each of the other settings, such as seeds. */
  readonly pairs: readonly Pair[];
  /** Of the differences; its interval draws subnets, seeds of the ground truth, and pairs. */
  readonly mean: Comparison;
}

interface Pair {
  /** What tells it from the other pairs: `seed 1`. */
  readonly name: string;
  readonly first: ChosenSupernet;
  readonly other: ChosenSupernet;
  /** Tau of the other less that of the first, on the same resamples. */
  readonly difference: Comparison;
}

/**
 * Pairs the chosen supernets among the stages by what `key` says to them.
 * @throws BadInput where no two of them differ in it alone, or were measured against the same subnets
 */
export async function compareArms(stages: readonly CataloguedStage[], key: string): Promise<ComparedArms> {
  const trained = stages.flatMap((stage): Trained[] => {
    const supernet = chosenIn(stage);
    return supernet === null ? [] : [{ supernet, settings: settingsOf(stage) }];
  });
  const varying = varyingKeys(trained);
  const values = [...new Map(trained.map(({ settings }) => [text(settings.get(key)), settings.get(key)])).values()];
  const [first, ...others] = values;
  if (others.length === 0) {
    throw new BadInput(
      `--by: expected a setting in which supernets differ, got ${key}; they differ in ${varying.join(', ') || 'none'}`,
    );
  }
  const armOf = (value: Json | undefined): Trained[] =>
    trained.filter(({ settings }) => text(settings.get(key)) === text(value));
  const names = varying.filter((one) => one !== key);
  const truths = new GroundTruths();
  return {
    key,
    first: first ?? null,
    others: await Promise.all(
      others.map(async (value) => ({
        value: value ?? null,
        ...(await compared({ firsts: armOf(first), others: armOf(value), names, key, truths })),
      })),
    ),
  };
}

interface Trained {
  readonly supernet: ChosenSupernet;
  readonly settings: ReadonlyMap<string, Json>;
}

function varyingKeys(trained: readonly Trained[]): string[] {
  const keys = [...new Set(trained.flatMap(({ settings }) => [...settings.keys()]))];
  return keys.filter((key) => new Set(trained.map(({ settings }) => text(settings.get(key)))).size > 1);
}

interface Arms {
  readonly firsts: readonly Trained[];
  readonly others: readonly Trained[];
  /** The keys in which pairs differ from each other. */
  readonly names: readonly string[];
  readonly key: string;
  readonly truths: GroundTruths;
}

async function compared({ firsts, others, names, key, truths }: Arms): Promise<Omit<ComparedArm, 'value'>> {
  const rest = ({ settings }: Trained): string => names.map((name) => `${name} ${text(settings.get(name))}`).join(', ');
  const left = [...others];
  const pairs = firsts.flatMap((one) => {
    const at = left.findIndex((other) => rest(other) === rest(one));
    return at < 0 ? [] : [{ name: rest(one), first: one.supernet, other: left.splice(at, 1)[0]!.supernet }];
  });
  const same = await sameSubnets(
    pairs.flatMap(({ first, other }) => [first, other]),
    truths,
  );
  if (same === null) {
    const got = pairs.length === 0 ? 'none' : 'such that were measured against different subnets';
    throw new BadInput(`--by: expected pairs of supernets that differ in ${key} alone, got ${got}; compare others`);
  }
  const { truth, scores } = same;
  const rankings = pairs.map((_, at) => [scores[2 * at + 1]!, scores[2 * at]!] as const);
  const options = { seed: pairs[0]!.first.trained.seed, runs: truth.runs };
  return {
    pairs: pairs.map((pair, at) => ({
      ...pair,
      difference: compareRankings(kendallTau, truth.accuracies, ...rankings[at]!, options),
    })),
    mean: comparePairs(kendallTau, truth.accuracies, rankings, options),
  };
}

function text(value: Json | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}
