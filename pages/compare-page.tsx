import { Section, Table } from './figure.tsx';
import { page } from './page.tsx';
import type { Part } from './page.tsx';
import { count, figure, range, signed, withRange } from './words.ts';
import type { Json } from '../plan/json.ts';
import type { ComparedArms } from '../report/arms.ts';
import { figureRows } from '../report/compare-supernets.ts';
import type { ComparedRuns } from '../report/compare.ts';
import { duration } from '../report/format.ts';
import { stageTables } from '../report/compare-stages.ts';
import type { ComparedStages } from '../report/compare-stages.ts';

/** The comparison as one file that needs nothing else. */
export function comparePage(compared: ComparedRuns, more: More = {}): string {
  return page({ title: `${compared.runs.join(', ')} · fewshot-nas`, parts: compareParts(compared, more) });
}

interface More {
  readonly arms?: ComparedArms | null;
  readonly stages?: ComparedStages | null;
}

/** Several runs side by side: what each reached, how sure the differences are, what it took, and in what settings they differ. */
export function compareParts(compared: ComparedRuns, { arms = null, stages = null }: More = {}): Part[] {
  const { runs } = compared;
  return [
    {
      id: 'head',
      content: (
        <header>
          <h1>{runs.join(' · ')}</h1>
          <p class="subtitle">
            {runs.length === 1 ? 'its supernets compared' : `${count(runs.length)} runs side by side`}
          </p>
        </header>
      ),
    },
    { id: 'stages', content: stages === null ? null : <Stages stages={stages} /> },
    { id: 'arms', content: arms === null ? null : <Arms arms={arms} /> },
    ...(runs.length < 2 ? [] : partsOfRuns(compared)),
  ];
}

function partsOfRuns(compared: ComparedRuns): Part[] {
  const heads = compared.runs.map((title) => ({ title, isNumber: true }));
  return [
    {
      id: 'supernets',
      content: (
        <Section
          id="ladder"
          title="Supernets"
          lead={
            <>
              Tau of the chosen epoch with its 95 % interval, and how far it lies over that of {compared.runs[0]}: both
              on the same resamples of the ground truth. A difference whose interval has 0 in it may be chance.
            </>
          }
        >
          <Table label="Tau by supernet" columns={[{ title: 'Supernet' }, ...heads]} rows={supernetRows(compared)} />
          {compared.baselines.map(Baselines)}
        </Section>
      ),
    },
    {
      id: 'sizes',
      content: (
        <Section id="reached" title="Ranking and time">
          <Table label="Ranking and time" columns={[{ title: '' }, ...heads]} rows={reachedRows(compared)} />
        </Section>
      ),
    },
    {
      id: 'settings',
      content: (
        <Section id="configuration" title="In what their settings differ">
          <Settings {...compared} />
        </Section>
      ),
    },
  ];
}

interface Tau {
  readonly tau: number | null;
  readonly interval: readonly [number, number] | null;
}

function tauWords({ tau, interval }: Tau): string {
  return interval === null ? figure(tau) : `${figure(tau)} (${range(...interval)})`;
}

function supernetRows({ runs, supernets }: ComparedRuns) {
  return supernets.flatMap((supernet) => [
    [supernet.stage, ...supernet.chosen.map((one) => (one === null ? '' : `${tauWords(one)}, epoch ${one.epoch}`))],
    ...figureRows(supernet, runs[0] ?? '').map(({ name, values, isDifference }) => [
      name,
      ...values.map((one) => (one === null ? '' : isDifference ? signed(one) : withRange(one))),
    ]),
  ]);
}

function Baselines({ file, figures }: ComparedRuns['baselines'][number]) {
  const hasBands = figures.some(({ inside }) => inside !== null);
  return (
    <Table
      label={`Without any training, on the subnets of ${file} that epochs may be chosen by`}
      columns={[{ title: 'Baseline' }, ...['Tau', 'Regret', ...(hasBands ? ['Tau inside bands'] : [])].map(numbers)]}
      rows={figures.map(({ name, tau, regret, inside }) => [
        name,
        withRange(tau),
        withRange(regret),
        ...(inside ? [withRange(inside.tau)] : []),
      ])}
    />
  );
}

function reachedRows({ rankings, costs }: ComparedRuns) {
  return [
    ['subnets ranked', ...rankings.map((one) => (one === null ? '' : count(one.subnets)))],
    ['best top-1 %', ...rankings.map((one) => one?.best?.toFixed(2) ?? '')],
    ['useful work', ...costs.map(({ useful }) => duration(1000 * useful))],
    ['work done again', ...costs.map(({ redone }) => duration(1000 * redone))],
    ['waiting for workers', ...costs.map(({ waiting }) => duration(1000 * waiting))],
  ];
}

/** What one setting is worth, a table for each of its values. */
function Arms({ arms: { key, first, others } }: { readonly arms: ComparedArms }) {
  return (
    <Section
      id="arms"
      title={`What ${key} is worth`}
      lead="Pairs of supernets that differ in it alone, each difference on the same resamples of the ground truth. Those of the mean draw pairs too."
    >
      {others.map(({ value, pairs, mean }) => (
        <Table
          label={`${words(first)} and ${words(value)}`}
          columns={[{ title: '' }, ...[words(first), words(value), 'Difference'].map(numbers)]}
          rows={[
            ...pairs.map(({ name, first: one, other, difference }) => [
              name,
              tauWords(one),
              tauWords(other),
              signed(difference),
            ]),
            [`mean of ${pairs.length}`, '', '', signed(mean)],
          ]}
        />
      ))}
    </Section>
  );
}

/** What each stage is worth over another, overall and inside bands. */
function Stages({ stages }: { readonly stages: ComparedStages }) {
  const { over, file, subnets, heldOut, leftOut } = stages;
  return (
    <Section
      id="stages"
      title={`What each stage is worth over ${over}`}
      lead={`Means over runs and seeds, on the ${count(subnets)} subnets of ${file} ${heldOut ? 'that no epoch was chosen by' : 'that epochs may be chosen by'}. Intervals draw subnets, runs of the ground truth, and supernets.`}
    >
      {stageTables(stages).map(({ place, baseline, most, rows }) => (
        <Table
          label={`${place === 'overall' ? 'Overall' : 'Inside bands'}${most === undefined ? '' : `; a perfect ranking reaches ${figure(most)} on average`}`}
          columns={[{ title: 'Stage' }, ...['Supernets', 'Tau', `Over ${over}`, `Over ${baseline}`].map(numbers)]}
          rows={rows.map(({ stage, supernets, worth }) => [
            stage,
            count(supernets),
            withRange(worth.tau),
            worth.over === null ? '' : signed(worth.over),
            signed(worth.overBaseline),
          ])}
        />
      ))}
      {leftOut.length === 0 ? null : (
        <p>
          Left out, for there is no {over} of their run, or one alone of their seed, beside them: {leftOut.join(', ')}.
        </p>
      )}
    </Section>
  );
}

const numbers = (title: string) => ({ title, isNumber: true });

function Settings({ runs, settings }: ComparedRuns) {
  if (settings.length === 0) return <p>In none.</p>;
  return (
    <Table
      label="Settings that differ"
      columns={[{ title: 'Setting' }, { title: 'Stages' }, ...runs.map(numbers)]}
      rows={settings.map(({ key, stages, values }) => [
        <code>{key}</code>,
        stages.join(', '),
        ...values.map((value) => (value === null ? '' : words(value))),
      ])}
    />
  );
}

function words(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
