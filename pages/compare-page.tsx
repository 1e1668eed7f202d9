import { trainedStages } from './facts.ts';
import type { RunFacts } from './facts.ts';
import { Section, Table } from './figure.tsx';
import type { Part } from './page.tsx';
import { count, figure, range } from './words.ts';
import { linesOf } from '../artifacts/ledger.ts';
import { bestFirst } from '../nas/evaluation/pareto.ts';
import { duration } from '../report/format.ts';

/** Several runs side by side: in what their settings differ, and what each of them reached. */
export function compareParts(runs: readonly RunFacts[]): Part[] {
  const heads = runs.map(({ run }) => ({ title: run, isNumber: true }));
  return [
    {
      id: 'head',
      content: (
        <header>
          <h1>{runs.map(({ run }) => run).join(' · ')}</h1>
          <p class="subtitle">{count(runs.length)} runs side by side</p>
        </header>
      ),
    },
    {
      id: 'supernets',
      content: (
        <Section
          id="ladder"
          title="Supernets"
          lead="Tau of the chosen epoch with its 95 % interval. Where intervals overlap, the difference may be chance."
        >
          <Table label="Tau by supernet" columns={[{ title: 'Supernet' }, ...heads]} rows={supernetRows(runs)} />
        </Section>
      ),
    },
    {
      id: 'sizes',
      content: (
        <Section id="reached" title="Ranking and time">
          <Table label="Ranking and time" columns={[{ title: '' }, ...heads]} rows={reachedRows(runs)} />
        </Section>
      ),
    },
    {
      id: 'settings',
      content: (
        <Section id="configuration" title="In what their settings differ">
          <Settings runs={runs} />
        </Section>
      ),
    },
  ];
}

function supernetRows(runs: readonly RunFacts[]) {
  const trained = runs.map((facts) => new Map(trainedStages(facts).map((stage) => [stage.id, stage])));
  const ids = [...new Set(trained.flatMap((stages) => [...stages.keys()]))];
  return ids.map((id) => [
    id,
    ...trained.map((stages) => {
      const record = stages.get(id)?.record;
      if (record === undefined) return '';
      return record.interval === null
        ? figure(record.tau)
        : `${figure(record.tau)} (${range(...record.interval)}), epoch ${record.epoch}`;
    }),
  ]);
}

function reachedRows(runs: readonly RunFacts[]) {
  const rankings = runs.map((facts) => facts.rankings[0]?.ranking);
  const times = runs.map(({ stages, takenAt }) => {
    const lines = stages.flatMap(({ manifest: { stage, attempts } }) => linesOf(stage, attempts, takenAt));
    return (of: 'useful' | 'redone' | 'waiting'): string =>
      duration(1000 * lines.reduce((sum, line) => sum + line[of], 0));
  });
  return [
    ['subnets ranked', ...rankings.map((ranking) => (ranking === undefined ? '' : count(ranking.subnets.length)))],
    [
      'best top-1 %',
      ...rankings.map((ranking) =>
        ranking === undefined ? '' : (bestFirst(ranking.subnets)[0]?.score.toFixed(2) ?? ''),
      ),
    ],
    ['useful work', ...times.map((of) => of('useful'))],
    ['work done again', ...times.map((of) => of('redone'))],
    ['waiting for workers', ...times.map((of) => of('waiting'))],
  ];
}

function Settings({ runs }: { readonly runs: readonly RunFacts[] }) {
  const settings = runs
    .map(({ origin }) => ({
      pipeline: origin?.pipeline ?? 'not written down',
      ...Object.fromEntries(Object.entries(origin?.params ?? {}).map(([key, value]) => [key, JSON.stringify(value)])),
      ...Object.fromEntries(
        (origin?.set ?? []).map((flag) => [`--set ${flag.split('=')[0]}`, flag.replace(/^[^=]*=/, '')]),
      ),
    }))
    .map((one) => new Map<string, string>(Object.entries(one)));
  const keys = [...new Set(settings.flatMap((one) => [...one.keys()]))];
  const differing = keys.filter((key) => settings.some((one) => one.get(key) !== settings[0]?.get(key)));
  if (differing.length === 0) return <p>In none: pipeline, params and what --set changed are the same.</p>;
  return (
    <Table
      label="Settings that differ"
      columns={[{ title: 'Setting' }, ...runs.map(({ run }) => ({ title: run, isNumber: true }))]}
      rows={differing.map((key) => [<code>{key}</code>, ...settings.map((one) => one.get(key) ?? '')])}
    />
  );
}
