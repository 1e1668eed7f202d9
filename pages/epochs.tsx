import { group } from 'd3-array';
import { area, line } from 'd3-shape';
import type { Child } from 'hono/jsx';
import type { EpochRecord } from '../artifacts/manifest.ts';
import { across, Chart, Dot, px, small, upwards } from './chart.tsx';
import type { Scale } from './chart.tsx';
import type { RunFacts, TrainedStage } from './facts.ts';
import { Figure, Section } from './figure.tsx';
import { count, figure, percent, range } from './words.ts';
import { many } from '../report/format.ts';

// Tau, loss and accuracies by epoch. The epochs of all stages stand one after the other on one axis, as they were trained:
// a stage that inherits begins where the one before it ended.

/** An epoch and its place on the axis. */
interface Point {
  readonly at: number;
  readonly stage: TrainedStage;
  readonly record: EpochRecord;
  readonly isChosen: boolean;
}

export function Epochs({ facts }: { readonly facts: RunFacts }) {
  const stages = facts.trained;
  if (stages.length === 0) return null;
  const points = pointsOf(stages);
  return (
    <Section
      id="epochs"
      title="Training by epoch"
      lead="Every epoch of every supernet, one stage after the other; epochs count from 0, as in the names of their files. The ring marks the epoch that was handed on."
    >
      <div class="columns">
        <TauByEpoch points={points} />
        <LossByEpoch points={points} />
        <AccuracyByEpoch points={points} />
      </div>
    </Section>
  );
}

function pointsOf(stages: readonly TrainedStage[]): Point[] {
  return stages
    .flatMap((stage) => stage.epochs.map((record) => ({ stage, record })))
    .map(({ stage, record }, at) => ({ at, stage, record, isChosen: stage.isChosen && record === stage.record }));
}

function TauByEpoch({ points }: { readonly points: readonly Point[] }) {
  const values = points.flatMap(({ record: { tau, interval } }) => [
    ...(interval ?? []),
    ...(tau === null ? [] : [tau]),
  ]);
  const { x, y } = scales(points, values.length === 0 ? [0, 1] : values);
  const band = area<Point>()
    .defined(({ record }) => record.interval !== null)
    .x(({ at }) => x(at))
    .y0(({ record }) => y(record.interval?.[0] ?? 0))
    .y1(({ record }) => y(record.interval?.[1] ?? 0));
  return (
    <Figure
      title="Tau"
      caption="Agreement with the ground truth, with its 95 % interval."
      numbers={numbersOf('Tau by epoch', points, ['tau', '95 % interval'], ({ tau, interval }) => [
        figure(tau),
        interval === null ? '' : range(...interval),
      ])}
    >
      <ByEpoch points={points} x={x} y={y} yLabel="tau" says={`Kendall’s tau of ${many(points.length, 'epoch')}`}>
        {points.length > FEW ? (
          <path class="band" d={joined(points, (own) => band.digits(1)(own))} />
        ) : (
          points.map(({ at, record: { interval } }) =>
            interval === null ? null : (
              <line class="whisker" x1={px(x(at))} x2={px(x(at))} y1={px(y(interval[0]))} y2={px(y(interval[1]))} />
            ),
          )
        )}
        <Series
          points={points}
          x={x}
          y={y}
          of={({ tau }) => tau}
          kind="one"
          words={({ tau }) => `tau ${figure(tau)}`}
        />
      </ByEpoch>
    </Figure>
  );
}

function LossByEpoch({ points }: { readonly points: readonly Point[] }) {
  const { x, y } = scales(
    points,
    points.map(({ record }) => record.loss),
  );
  return (
    <Figure
      title="Loss"
      caption="Mean over the epoch, of the largest subnet in training."
      numbers={numbersOf('Loss by epoch', points, ['loss'], ({ loss }) => [figure(loss)])}
    >
      <ByEpoch points={points} x={x} y={y} yLabel="loss" says={`Training loss of ${many(points.length, 'epoch')}`}>
        <Series
          points={points}
          x={x}
          y={y}
          of={({ loss }) => loss}
          kind="one"
          words={({ loss }) => `loss ${figure(loss)}`}
        />
      </ByEpoch>
    </Figure>
  );
}

function AccuracyByEpoch({ points }: { readonly points: readonly Point[] }) {
  const { x, y } = scales(
    points,
    points.flatMap(({ record: { min, max } }) => [100 * min.top1, 100 * max.top1]),
  );
  return (
    <Figure
      title="Accuracy"
      caption={
        <>
          Top-1 on images that did not train: <span class="key one">largest</span> and{' '}
          <span class="key two">smallest</span> subnet.
        </>
      }
      numbers={numbersOf('Accuracy by epoch', points, ['largest', 'smallest'], ({ max, min }) => [
        percent(max.top1),
        percent(min.top1),
      ])}
    >
      <ByEpoch
        points={points}
        x={x}
        y={y}
        yLabel="top-1 %"
        says="Accuracy of the largest and the smallest subnet by epoch"
      >
        <Series
          points={points}
          x={x}
          y={y}
          of={({ max }) => 100 * max.top1}
          kind="one"
          words={({ max }) => `largest ${percent(max.top1)}`}
        />
        <Series
          points={points}
          x={x}
          y={y}
          of={({ min }) => 100 * min.top1}
          kind="two"
          words={({ min }) => `smallest ${percent(min.top1)}`}
        />
      </ByEpoch>
    </Figure>
  );
}

/** Up to so many epochs each has its dot. */
const FEW = 400;

/** Of more stages the grounds would be hair lines. */
const MOST_GROUNDS = 100;

function scales(points: readonly Point[], values: readonly number[]): { x: Scale; y: Scale } {
  const finite = values.filter(Number.isFinite);
  const y = upwards(small, finite.length === 0 ? [0, 1] : [Math.min(...finite), Math.max(...finite)]);
  return { x: across(small, [-0.5, points.length - 0.5], false), y };
}

function byStage(points: readonly Point[]): Point[][] {
  return [...group(points, ({ stage }) => stage.directory).values()];
}

/** One path for all stages: thousands of elements would make the page slow. */
function joined(points: readonly Point[], draw: (own: Point[]) => string | null): string {
  return byStage(points)
    .map((own) => draw(own) ?? '')
    .join('');
}

interface ByEpochProps {
  readonly points: readonly Point[];
  readonly x: Scale;
  readonly y: Scale;
  readonly yLabel: string;
  readonly says: string;
  readonly children?: Child;
}

/** A chart over epochs: every second stage has a tinted ground, with its name where there is room for it. */
function ByEpoch({ points, x, y, yLabel, says, children }: ByEpochProps) {
  const [bottom = 0, top = 0] = y.range();
  const stages = byStage(points);
  const grounds = (stages.length > MOST_GROUNDS ? [] : stages).map((own, at) => {
    const [left, right] = [x(own[0]!.at - 0.5), x(own.at(-1)!.at + 0.5)];
    const { id, groups } = own[0]!.stage;
    const name = [id, `K = ${groups}`, String(groups)].find((text) => 6.2 * text.length < right - left - 2);
    return (
      <g class={at % 2 === 0 ? 'ground' : 'ground tinted'}>
        <rect x={px(left)} width={px(right - left)} y={top} height={px(bottom - top)} />
        {name === undefined ? null : (
          <text x={px((left + right) / 2)} y={bottom + 16} text-anchor="middle">
            {name}
          </text>
        )}
      </g>
    );
  });
  return (
    <Chart size={small} x={x} y={y} xLabel="epochs, by stage" yLabel={yLabel} says={says} xTicks={[]}>
      {grounds}
      {children}
    </Chart>
  );
}

interface SeriesProps {
  readonly points: readonly Point[];
  readonly x: Scale;
  readonly y: Scale;
  readonly of: (record: EpochRecord) => number | null;
  readonly words: (record: EpochRecord) => string;
  readonly kind: 'one' | 'two';
}

/** A line a stage, and a dot an epoch, those that were chosen with a ring; where they are too many, only the line. */
function Series({ points, x, y, of, words, kind }: SeriesProps) {
  const path = line<Point>()
    .defined(({ record }) => of(record) !== null)
    .x(({ at }) => x(at))
    .y(({ record }) => y(of(record) ?? 0));
  const chosen = points.filter(({ isChosen }) => isChosen);
  const dots = points.length <= FEW ? points : chosen.length <= FEW ? chosen : [];
  return (
    <>
      <path class={`line ${kind}`} d={joined(points, (own) => path.digits(1)(own))} />
      {dots.map(({ at, stage, record, isChosen }) => {
        const value = of(record);
        const name = `${stage.id}, epoch ${record.epoch}: ${words(record)}${isChosen ? ', chosen' : ''}`;
        return value === null ? null : (
          <Dot x={x(at)} y={y(value)} kind={isChosen ? `${kind} chosen` : kind} r={isChosen ? 4.5 : 3} name={name} />
        );
      })}
    </>
  );
}

const MOST_NUMBERS = 200;

function numbersOf(
  label: string,
  points: readonly Point[],
  columns: readonly string[],
  cells: (record: EpochRecord) => string[],
) {
  return {
    label,
    columns: [
      { title: 'stage' },
      { title: 'epoch', isNumber: true },
      ...columns.map((title) => ({ title, isNumber: true })),
    ],
    rows: [
      ...points.slice(0, MOST_NUMBERS).map(({ stage: { id }, record, isChosen }) => {
        const epoch = `${record.epoch}${isChosen ? ' (chosen)' : ''}`;
        return [id, epoch, ...cells(record)];
      }),
      ...(points.length > MOST_NUMBERS
        ? [[`and ${count(points.length - MOST_NUMBERS)} more, in each stage’s log.jsonl`]]
        : []),
    ],
  };
}
