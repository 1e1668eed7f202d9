import { z } from 'zod';
import type { Plan, PlanStage } from '../plan/plan.ts';
import type { Speed } from '../runtime/speed.ts';

/** What a device can do, and where that is known from. */
export interface Rate {
  readonly from: 'given' | 'measured' | 'assumed';
  readonly device: 'cpu' | 'gpu';
  /** 10¹² floating-point operations a second: of a card, or of one thread of a processor. */
  readonly float32: number;
  readonly bf16: number;
  /** 10⁹ bytes a second that operations other than convolutions read and write. */
  readonly bandwidth: number;
  /** Microseconds that an operation takes at least. */
  readonly operation: number;
}

/** What all cells of a stage take. */
interface StageEstimate {
  readonly stage: string;
  readonly cells: number;
  /** All cells one after the other, each on its devices. */
  readonly hours: number;
  /** Devices that it takes at once, each for a rank. */
  readonly ranks: number;
  /** Images of a step over all ranks; null where it does not train. */
  readonly batch: number | null;
  /** Bytes of memory for one cell, on the device. */
  readonly memory: number;
  /** Bytes of results, at most. */
  readonly disk: number;
}

export interface Estimate {
  readonly rate: Rate;
  /** Those that compute on images. */
  readonly stages: readonly StageEstimate[];
  readonly hours: number;
  readonly memory: number;
  readonly disk: number;
}

// A large card of our day at half of what its convolutions reach, told each operation by one thread of a processor.
const ASSUMED: Rate = { from: 'assumed', device: 'gpu', float32: 20, bf16: 40, bandwidth: 1000, operation: 10 };

// Networks reach less than the large convolution that is measured, those of few channels far less and those of many more:
// docs/benchmarks.md says how far off this one factor for all is.
const REACHED = 0.6;

/** What goes for the rate: the one given, in TFLOP/s of a card; else what was measured here; else an assumption. */
export function rateOf(given: number | undefined, measured: Speed | undefined): Rate {
  if (given !== undefined) return { ...ASSUMED, from: 'given', float32: given, bf16: given };
  if (measured === undefined) return ASSUMED;
  const { version: _, tensorflow: __, ...figures } = measured;
  return { from: 'measured', ...figures };
}

/** Hours, memory and disk of every stage: arithmetic and traffic at their rates, and the time that each operation takes at least. */
export function estimateOf(plan: Plan, rate: Rate): Estimate {
  const stages = stagesOf(plan, rate);
  const most = stages.map(({ memory }) => memory);
  return {
    rate,
    stages,
    hours: total(stages.map(({ hours }) => hours)),
    memory: Math.max(0, ...most),
    disk: total(stages.map(({ disk }) => disk)),
  };
}

function stagesOf({ stages }: Plan, rate: Rate, prefix = ''): StageEstimate[] {
  return stages.flatMap((stage) => {
    if (stage.plan !== null) return stagesOf(stage.plan, rate, `${prefix}${stage.id}.`);
    return stage.cost === null ? [] : [stageEstimate(stage, stage.cost, rate, prefix)];
  });
}

// What of `with` decides the pace; a reference that only the run knows counts as the plainest.
const Pace = z.object({
  precision: z.enum(['float32', 'bf16']).catch('float32'),
  threads: z.number().catch(1),
  ranks: z.number().catch(1),
  batch_size: z.number().catch(0),
});

function stageEstimate(
  stage: PlanStage,
  { gmacs, traffic, operations, memory, disk }: NonNullable<PlanStage['cost']>,
  rate: Rate,
  prefix: string,
): StageEstimate {
  const { precision, threads, ranks, batch_size: each } = Pace.parse(stage.with);
  const lanes = rate.device === 'cpu' ? threads : 1;
  const arithmetic = (2 * gmacs) / (1000 * rate[precision]);
  const least = (arithmetic + traffic / (1e9 * rate.bandwidth)) / lanes + operations * rate.operation * 1e-6;
  const seconds = rate.from === 'measured' ? least / REACHED : least;
  return {
    stage: prefix + stage.id,
    cells: stage.matrix?.length ?? 1,
    // Sums over the ranks are not in it: docs/ranks.md says what they take.
    hours: seconds / 3600 / ranks,
    ranks,
    batch: stage.uses.startsWith('train-') ? ranks * each : null,
    memory,
    disk,
  };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
