import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { median } from './runner.ts';
import { spaceNamed } from './train-task.ts';
import { baselines } from '../nas/evaluation/baselines.ts';
import { kendallTau, pearson } from '../nas/evaluation/correlation.ts';
import type { Statistic } from '../nas/evaluation/correlation.ts';
import { chooseSubnets, fitPredictor, predictAll } from '../nas/evaluation/predictor/predictor.ts';
import type { Subnet } from '../nas/space/space.ts';
import { parseSubnetList } from '../nas/space/subnet-list.ts';
import { root } from '../runtime/layout.ts';

// npm run bench:predictor -- --table FILE [--json --repetitions N --space S --subnets LIST]: how well N evaluated subnets
// rank the others. FILE has a supernet's real accuracies, {"archN": top-1}, as JSON or .json.gz; it is no part of the product.

/** Number of evaluated subnets, and the tau with the others' scores that it should reach. */
const GOALS = [
  [100, 0.46],
  [300, 0.53],
  [1000, 0.55],
  [3000, 0.557],
  [10_000, 0.56],
] as const;
/** Of ranking the whole list. */
const GOAL_MS = 30_000;

const { values: options } = parseArgs({
  options: {
    table: { type: 'string' },
    space: { type: 'string', default: 'imagenet' },
    subnets: { type: 'string', default: 'configs/subnets/cvpr2022-track1.txt' },
    repetitions: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});
if (options.table === undefined) {
  console.error('bench:predictor: expected --table FILE, got none; give {"archN": top-1} as JSON or .json.gz');
  process.exit(2);
}
const space = spaceNamed(options.space);
const seeds = [...Array(Number(options.repetitions)).keys()];
const subnets = parseSubnetList(space, readFileSync(join(root, options.subnets), 'utf8'), options.subnets);
const table = readTable(options.table);
const scored = subnets.flatMap(({ id, subnet }) => {
  const score = table[id];
  return score === undefined ? [] : [{ subnet, score }];
});
const cases = GOALS.filter(([budget]) => budget < scored.length).map(([budget, goal]) => benchmark(budget, goal));
const ranking = rankAll();
if (options.json) {
  console.log(JSON.stringify({ bench: 'predictor', device: cpus()[0]?.model.trim(), threads: 1, cases, ranking }));
} else {
  for (const line of [...cases.map(lineOf), rankingLine()]) console.log(line);
}

function readTable(file: string): Record<string, number> {
  const bytes = readFileSync(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  return z.record(z.string(), z.number()).parse(JSON.parse(text));
}

/** Means over the seeds; each draws its own subnets to evaluate, all others are held out. */
function benchmark(budget: number, goal: number) {
  const runs = seeds.map((seed) => {
    const everyone = scored.map(({ subnet }) => subnet);
    const chosen = new Set(chooseSubnets(space, everyone, budget, seed));
    const observations = scored.filter((_, index) => chosen.has(index));
    const others = scored.filter((_, index) => !chosen.has(index));
    const { value: predictor, ms } = timed(() => fitPredictor(space, observations, { seed }));
    const heldOut = others.map(({ subnet }) => subnet);
    const truth = Float64Array.from(others, ({ score }) => score);
    const predicted = predictAll(predictor, heldOut);
    const sizes = untrained(heldOut);
    const agreement = (statistic: Statistic, values: Float64Array): number => statistic(values, truth);
    const { tau } = predictor.leaveOut;
    return {
      tau: agreement(kendallTau, predicted),
      pearson: agreement(pearson, predicted),
      baselineTau: agreement(kendallTau, sizes),
      baselinePearson: agreement(pearson, sizes),
      leaveOut: tau,
      ms,
    };
  });
  const tau = spread(runs.map((run) => run.tau));
  const covered = runs.filter(({ tau: found, leaveOut: { low, high } }) => low <= found && found <= high);
  return {
    case: `${budget} of ${scored.length} subnets evaluated`,
    seeds: seeds.length,
    ours_ms: median(runs.map(({ ms }) => ms)),
    tau,
    pearson: spread(runs.map((run) => run.pearson)),
    goal: `a tau of at least ${goal}`,
    reached: tau.mean >= goal,
    leave_out_tau: spread(runs.map(({ leaveOut }) => leaveOut.estimate)),
    leave_out_intervals_that_hold: covered.length / runs.length,
    baseline_tau: spread(runs.map(({ baselineTau }) => baselineTau)).mean,
    baseline_pearson: spread(runs.map(({ baselinePearson }) => baselinePearson)).mean,
  };
}

/** Log parameters and depth: what needs no evaluation. */
function untrained(some: readonly Subnet[]): Float64Array {
  return baselines(space, some, { classes: 1000, resolution: space.resolutions.at(-1)! })['log parameters and depth'];
}

/** A mean over seeds and its 95 % interval, 1.96 standard errors to either side. */
function spread(values: readonly number[]): { mean: number; low: number; high: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const half = 1.96 * Math.sqrt(variance / values.length);
  return { mean, low: mean - half, high: mean + half };
}

/** Time to predict and order the whole list, and all that goes before once the scores are there. */
function rankAll() {
  const budget = Math.min(1000, scored.length);
  const all = subnets.map(({ subnet }) => subnet);
  const { value: predictor, ms: before } = timed(() => {
    const chosen = new Set(
      chooseSubnets(
        space,
        scored.map(({ subnet }) => subnet),
        budget,
        0,
      ),
    );
    return fitPredictor(
      space,
      scored.filter((_, index) => chosen.has(index)),
      { seed: 0 },
    );
  });
  const times = seeds.map(() =>
    timed(() => {
      const scores = predictAll(predictor, all);
      return [...scores.keys()].toSorted((a, b) => scores[b]! - scores[a]!);
    }),
  );
  const ours = median(times.map(({ ms }) => ms));
  return {
    subnets: all.length,
    ours_ms: ours,
    cpu_ms: median(times.map(({ cpuMs }) => cpuMs)),
    goal_ms: GOAL_MS,
    reached: ours <= GOAL_MS,
    choose_and_fit_ms: before,
    budget,
  };
}

/** `cpuMs` is what counts where the machine has other work to do. */
function timed<T>(body: () => T): { value: T; ms: number; cpuMs: number } {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const value = body();
  const { user, system } = process.cpuUsage(cpu);
  return { value, ms: performance.now() - start, cpuMs: (user + system) / 1000 };
}

function lineOf(one: ReturnType<typeof benchmark>): string {
  const { case: what, tau, pearson: linear, leave_out_tau: own, baseline_tau: sizes } = one;
  const outcome = `goal ${one.goal}: ${one.reached ? 'reached' : 'missed'}`;
  const beside = `by leaving out ${shown(own)}, by log parameters and depth alone ${sizes.toFixed(3)}, fitted in ${one.ours_ms.toFixed(0)} ms`;
  return `${what}: tau ${shown(tau)}, Pearson ${shown(linear)} with the others (${outcome}; ${beside})`;
}

function rankingLine(): string {
  const { subnets: count, ours_ms: ours, cpu_ms: cpu, reached, choose_and_fit_ms: before, budget } = ranking;
  const outcome = `goal at most ${GOAL_MS / 1000} s: ${reached ? 'reached' : 'missed'}`;
  return `ranking ${count} subnets: ${ours.toFixed(0)} ms, ${cpu.toFixed(0)} of them on a processor (${outcome}; before it ${before.toFixed(0)} ms to choose and to fit ${budget})`;
}

function shown({ mean, low, high }: { mean: number; low: number; high: number }): string {
  return `${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;
}
