import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { runOf } from '../artifacts/catalogue.ts';
import { Progress } from '../nas/process/protocol.ts';
import type { Kind } from '../pipelines/kinds/kind.ts';
import { devicesOf } from '../plan/names.ts';
import type { StageInput } from '../plan/results.ts';

// What this process tells Prometheus of the stages it is at: prom-client keeps the numbers. Names, units and suffixes follow
// Prometheus' conventions. Series of a stage live as long as the attempt at it.

export const registry = new Registry();
const registers = [registry];

const ofStage = ['run', 'stage', 'kind'] as const;
type OfStage = Readonly<Record<(typeof ofStage)[number], string>>;

const gauge = (name: string, help: string): Gauge<(typeof ofStage)[number]> =>
  new Gauge({ name, help, labelNames: ofStage, registers });

const stageGauges = {
  progressed: gauge(
    'nas_stage_progress_timestamp_seconds',
    'When the counts of a stage at work moved last, or its attempt began, in seconds since 1970',
  ),
  epoch: gauge('nas_stage_epoch', 'Epoch that a stage is in, from 0'),
  step: gauge('nas_stage_step', 'Steps done of the epoch that a stage is in'),
  stepRate: gauge('nas_stage_steps_per_second', 'Training steps a second, as the trainer last said'),
  imageRate: gauge('nas_stage_images_per_second', 'Images trained on a second, over all ranks'),
  subnetRate: gauge('nas_stage_subnets_per_second', 'Subnets tested a second'),
  loss: gauge('nas_stage_loss', 'Training loss of the largest network, as the trainer last said'),
  tau: gauge('nas_stage_kendall_tau', 'Kendall tau of the last epoch that was tested'),
  bytesLeft: gauge('nas_stage_upload_bytes', 'Bytes of a stage that have still to go to the store'),
};

const attempts = new Counter({
  name: 'nas_stage_attempts_total',
  help: 'Attempts at stages that have ended here, by kind and ending: done, reused, or why not',
  labelNames: ['kind', 'ending'],
  registers,
});

const phases = new Counter({
  name: 'nas_stage_phase_seconds_total',
  help: 'Time that attempts have spent in each phase: training, evaluating, saving and so on',
  labelNames: ['kind', 'phase'],
  registers,
});

const queueWait = new Histogram({
  name: 'nas_stage_queue_wait_seconds',
  help: 'Time from when an attempt was scheduled until a worker took it',
  labelNames: ['kind'],
  buckets: [0.1, 1, 10, 60, 300, 1800, 7200, 86_400],
  registers,
});

/** The numbers of one attempt at a stage, from its begin to its end. */
export class StageMetrics {
  readonly #labels: OfStage;
  readonly #imagesPerStep: number;
  #counts = '';

  /** @param waitedMs from when the attempt was scheduled */
  constructor({ stage, directory, with: config }: StageInput, kind: Kind, waitedMs: number) {
    this.#labels = { run: runOf(directory), stage, kind: kind.name };
    const { batch_size: batch } = config;
    this.#imagesPerStep = typeof batch === 'number' ? batch * devicesOf(config) : 0;
    queueWait.observe({ kind: kind.name }, Math.max(0, waitedMs) / 1000);
    stageGauges.progressed.setToCurrentTime(this.#labels);
  }

  /** What its process last said; anything else is passed over. */
  readonly take = (said: unknown): void => {
    const parsed = Progress.safeParse(said);
    if (!parsed.success) return;
    const { phase, epoch, step, loss, tau, stepsPerSecond: rate, subnets, subnetsPerSecond, bytesLeft } = parsed.data;
    const counts = `${phase} ${epoch} ${step} ${subnets ?? 0}`;
    if (counts !== this.#counts) stageGauges.progressed.setToCurrentTime(this.#labels);
    this.#counts = counts;
    const values: Readonly<Partial<Record<keyof typeof stageGauges, number | undefined>>> = {
      epoch,
      step,
      loss,
      tau,
      stepRate: rate,
      imageRate: rate === undefined || this.#imagesPerStep === 0 ? undefined : rate * this.#imagesPerStep,
      subnetRate: subnetsPerSecond,
      bytesLeft,
    };
    for (const [name, value] of Object.entries(values)) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its keys are those of the gauges
      if (value !== undefined) stageGauges[name as keyof typeof stageGauges].set(this.#labels, value);
    }
  };

  /** @param ending `done`, `reused`, or the name of an ending */
  end(ending: string, seconds: Readonly<Record<string, number>> | null): void {
    const { kind } = this.#labels;
    attempts.inc({ kind, ending });
    for (const [phase, spent] of Object.entries(seconds ?? {})) phases.inc({ kind, phase }, spent);
    for (const one of Object.values(stageGauges)) one.remove(this.#labels);
  }
}

/** A value with its labels. */
type Reading = readonly [labels: Readonly<Record<string, string>>, value: number];

/** A gauge whose values are asked for whenever somebody scrapes. */
export function measured(
  name: string,
  help: string,
  labelNames: readonly string[],
  readings: () => readonly Reading[] | Promise<readonly Reading[]>,
): Gauge {
  return new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers,
    async collect() {
      const found = await readings();
      this.reset();
      for (const [labels, value] of found) this.set(labels, value);
    },
  });
}
