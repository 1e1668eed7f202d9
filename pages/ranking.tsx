import { gzipSync } from 'node:zlib';
import { across, Chart, Dot, px, upwards, wide } from './chart.tsx';
import type { RankingFacts, RunFacts } from './facts.ts';
import { Figure, Section, Table } from './figure.tsx';
import { Path } from './glance.tsx';
import { count, withRange } from './words.ts';
import { bestFirst, paretoFront } from '../nas/evaluation/pareto.ts';
import type { CostName } from '../nas/evaluation/pareto.ts';
import type { RankedSubnet, RankingOfRun } from '../nas/evaluation/read-ranking.ts';
import { gmacs } from '../report/format.ts';

/** The merged rankings: accuracy over size with the Pareto front, the best subnets under limits, what a predictor did. */
export function Rankings({ facts }: { readonly facts: RunFacts }) {
  if (facts.rankings.length === 0) return null;
  return (
    <Section id="ranking" title="Ranking">
      {facts.rankings.map((one, at) => (
        <RankingView {...one} id={`ranking-${at}`} run={facts.run} />
      ))}
    </Section>
  );
}

interface ViewProps extends RankingFacts {
  readonly id: string;
  readonly run: string;
}

function RankingView({ ranking, prediction, id, run }: ViewProps) {
  const { subnets, score, table } = ranking;
  const evaluated = subnets.filter((subnet) => subnet.evaluated).length;
  return (
    <>
      <p class="lead">
        {count(subnets.length)} subnets, of which {count(evaluated)} were evaluated. {scoreWords(score)} The whole
        table:{' '}
        <code>
          <Path file={table} />
        </code>
      </p>
      {prediction === null ? null : <Predictor prediction={prediction} />}
      <div class="columns two">
        <OverCost ranking={ranking} cost="macs" />
        <OverCost ranking={ranking} cost="parameters" />
      </div>
      <Best ranking={ranking} id={id} run={run} />
    </>
  );
}

function scoreWords(score: RankingOfRun['score']): string {
  return score === 'measured'
    ? 'Accuracies are measured in the supernet; ± is one standard error, and the best of many look better than they are.'
    : 'Accuracies are predicted; ± is the error on subnets that the predictor had not seen.';
}

function Predictor({ prediction }: { readonly prediction: NonNullable<RankingFacts['prediction']> }) {
  const { subnets, folds, tau, rmse, baselines } = prediction;
  return (
    <div class="predictor">
      <h3>What the predictor did</h3>
      <p>
        A regression fitted on the {count(subnets.evaluated)} subnets that were evaluated
        {subnets.predicted > 0
          ? ` predicts the accuracies of all, among them ${count(subnets.predicted)} that were not evaluated.`
          : ' smooths their measured accuracies.'}{' '}
        On subnets it had not seen ({folds} folds) it errs by {withRange(rmse)} percent points.
      </p>
      <Table
        label="Agreement on subnets that the predictor had not seen"
        columns={[{ title: 'Ranked by' }, { title: 'tau (95 % interval)', isNumber: true }]}
        rows={[['the predictor', withRange(tau)], ...baselines.map((one) => [`${one.name} alone`, withRange(one.tau)])]}
      />
    </div>
  );
}

const costs = {
  macs: {
    title: 'Accuracy over MACs',
    units: [
      { axis: 'GMACs an image', unit: 1e9 },
      { axis: 'million MACs an image', unit: 1e6 },
    ],
  },
  parameters: {
    title: 'Accuracy over parameters',
    units: [
      { axis: 'million parameters', unit: 1e6 },
      { axis: 'thousand parameters', unit: 1e3 },
    ],
  },
} as const;

/** More than these are drawn as a density: single dots would hide each other and make the page heavy. */
const MOST_DOTS = 1500;

function OverCost({ ranking: { subnets, score }, cost }: { readonly ranking: RankingOfRun; readonly cost: CostName }) {
  const known = subnets.filter((subnet) => !Number.isNaN(subnet.score));
  if (known.length === 0) return null;
  const { title, units } = costs[cost];
  const { axis, unit } = units.find((one) => known.some((subnet) => subnet[cost] >= one.unit / 10)) ?? units[1];
  const front = paretoFront(known, cost);
  const x = across(wide, extent(known.map((subnet) => subnet[cost] / unit)));
  const y = upwards(wide, extent(known.map((subnet) => subnet.score)));
  const place = (subnet: RankedSubnet) => ({ x: x(subnet[cost] / unit), y: y(subnet.score) });
  const steps = front.map((subnet, at) => {
    const { x: right, y: top } = place(subnet);
    return at === 0 ? `M${px(right)},${px(top)}` : `H${px(right)}V${px(top)}`;
  });
  const isFront = new Set(front);
  return (
    <Figure
      title={title}
      caption={
        <>
          {score === 'measured' ? 'Measured' : 'Predicted'} top-1. <span class="key front">Pareto front</span>:{' '}
          {count(front.length)} subnets that no cheaper one equals.
          {known.length > MOST_DOTS ? ' Darker: more subnets.' : ''}
        </>
      }
      numbers={{
        label: `Pareto front over ${axis}`,
        columns: tableColumns,
        rows: front.slice(0, 200).map((subnet) => rowOf(subnet)),
      }}
    >
      <Chart
        size={wide}
        x={x}
        y={y}
        xLabel={axis}
        yLabel="top-1 %"
        says={`Top-1 of ${known.length} subnets over ${axis}; ${front.length} of them are the Pareto front`}
      >
        {known.length > MOST_DOTS ? (
          <Density points={known.map(place)} />
        ) : (
          known
            .filter((subnet) => !isFront.has(subnet))
            .map((subnet) => <Dot {...place(subnet)} r={2.5} kind="many" name={nameOf(subnet)} />)
        )}
        <path class="front" d={steps.join('')} />
        {front.map((subnet) => (
          <Dot {...place(subnet)} kind="front" name={`${nameOf(subnet)}, on the Pareto front`} />
        ))}
      </Chart>
    </Figure>
  );
}

function extent(values: readonly number[]): [number, number] {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

const CELL = 5;

/** How many points fall into each small square, as the depth of its colour. */
function Density({ points }: { readonly points: readonly { readonly x: number; readonly y: number }[] }) {
  const cells = new Map<string, { x: number; y: number; count: number }>();
  for (const point of points) {
    const [x, y] = [Math.floor(point.x / CELL) * CELL, Math.floor(point.y / CELL) * CELL];
    const cell = cells.get(`${x},${y}`) ?? { x, y, count: 0 };
    cell.count += 1;
    cells.set(`${x},${y}`, cell);
  }
  const most = Math.max(...[...cells.values()].map((cell) => cell.count));
  return [...cells.values()].map(({ x, y, count: found }) => (
    <rect
      class="density"
      x={x}
      y={y}
      width={CELL}
      height={CELL}
      opacity={(0.15 + (0.85 * Math.log1p(found)) / Math.log1p(most)).toFixed(2)}
    />
  ));
}

function nameOf({ id, code, score, macs, parameters, depth }: RankedSubnet): string {
  return `${id}: ${score.toFixed(2)} %, ${gmacs(macs)} GMACs, ${count(parameters)} parameters, depth ${depth}, code ${code}`;
}

const tableColumns = [
  { title: 'Subnet' },
  { title: 'Top-1 %', isNumber: true },
  { title: '±', isNumber: true },
  { title: 'GMACs', isNumber: true },
  { title: 'Parameters', isNumber: true },
  { title: 'Depth', isNumber: true },
  { title: 'Arch code' },
];

function rowOf(subnet: RankedSubnet) {
  const { id, code, score, error, macs, parameters, depth } = subnet;
  return [id, score.toFixed(2), error.toFixed(2), gmacs(macs), count(parameters), String(depth), <code>{code}</code>];
}

const BEST = 20;

/** The best subnets. With JavaScript the limits choose among all of them, which the page holds for this, packed. */
function Best({ ranking, id, run }: { readonly ranking: RankingOfRun; readonly id: string; readonly run: string }) {
  const known = bestFirst(ranking.subnets);
  return (
    <div class="best" id={id}>
      <h3>The best subnets</h3>
      <form class="limits needs-script" data-ranking={id} hidden>
        <label>
          at most <input name="gmacs" type="number" min="0" step="any" inputmode="decimal" /> GMACs
        </label>
        <label>
          at most <input name="params" type="number" min="0" step="any" inputmode="decimal" /> million parameters
        </label>
        <label>
          <input name="front" type="checkbox" /> only the Pareto front over MACs
        </label>
        <label>
          rows{' '}
          <select name="rows">
            <option>20</option>
            <option>100</option>
            <option>500</option>
          </select>
        </label>
        <output aria-live="polite" />
      </form>
      <Table label="The best subnets" columns={tableColumns} rows={known.slice(0, BEST).map(rowOf)} />
      <p class="note">
        In a terminal: <code>nas top {run} --under-gmacs 2.5 --under-params 6</code>
      </p>
      <script type="application/octet-stream" class="packed" data-ranking={id}>
        {packed(known)}
      </script>
    </div>
  );
}

// As text of columns, gzipped, in base64: 45,000 subnets are about one megabyte.
function packed(subnets: readonly RankedSubnet[]): string {
  const columns = [
    subnets.map(({ id }) => id),
    subnets.map(({ code }) => code),
    subnets.map(({ score }) => (Number.isNaN(score) ? '' : score.toFixed(4))),
    subnets.map(({ error }) => (Number.isNaN(error) ? '' : error.toFixed(4))),
    subnets.map(({ macs }) => String(macs)),
    subnets.map(({ parameters }) => String(parameters)),
    subnets.map(({ depth }) => String(depth)),
  ];
  return gzipSync(columns.map((column) => column.join(' ')).join('\n'), { level: 9 }).toString('base64');
}
