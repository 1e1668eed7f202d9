import type { Child } from 'hono/jsx';
import { Configuration } from './configuration.tsx';
import { Epochs } from './epochs.tsx';
import type { RunFacts } from './facts.ts';
import { Glance } from './glance.tsx';
import { Ladder } from './ladder.tsx';
import { Lineage } from './lineage.tsx';
import { page } from './page.tsx';
import type { Part } from './page.tsx';
import { Rankings } from './ranking.tsx';
import { Stages } from './stages.tsx';
import { Timeline } from './timeline.tsx';
import { Truth } from './truth.tsx';
import { moment } from './words.ts';
import { many } from '../report/format.ts';
import { duration } from '../report/format.ts';

/** The page of a run as one file that needs nothing else. */
export function runFile(facts: RunFacts): string {
  return page({ title: `${facts.run} · fewshot-nas`, parts: runParts(facts) });
}

/** What only a live page has: how the run is steered, and what it asks of its reader. */
interface Steering {
  readonly controls?: Child;
  readonly asked?: Child;
}

/** The parts of a run's page. What is looked for first stands first. */
export function runParts(facts: RunFacts, { controls, asked }: Steering = {}): Part[] {
  return [
    {
      id: 'head',
      content: (
        <header>
          <h1>{facts.run}</h1>
          <p class="subtitle">{subtitle(facts)}</p>
          {controls}
        </header>
      ),
    },
    { id: 'answers', content: <Glance facts={facts} /> },
    { id: 'asks', content: asked },
    { id: 'contents', content: <Contents facts={facts} /> },
    { id: 'supernets', content: <Ladder facts={facts} /> },
    // Tens of thousands of subnets are drawn once.
    { id: 'rankings', content: <Rankings facts={facts} />, of: facts.rankings },
    { id: 'training', content: <Epochs facts={facts} /> },
    { id: 'scatter', content: <Truth facts={facts} /> },
    { id: 'all-stages', content: <Stages facts={facts} /> },
    { id: 'times', content: <Timeline facts={facts} /> },
    { id: 'origins', content: <Lineage facts={facts} /> },
    { id: 'settings', content: <Configuration facts={facts} /> },
  ];
}

function subtitle({ live, stages, takenAt, origin }: RunFacts): string {
  const from = origin === null ? [] : [origin.pipeline];
  if (live === null) {
    const open = stages.filter(({ manifest }) => manifest.state === 'running').length;
    const state = open === 0 ? 'all that was begun is done' : `${many(open, 'piece')} of work not done`;
    return [...from, state, `as of ${moment(takenAt)}`].join(' · ');
  }
  const { startedAt, endedAt, ending, status } = live;
  const time = duration((endedAt ?? takenAt) - startedAt);
  return [...from, ending === null ? status.state : `${ending} after ${time}`, `started ${moment(startedAt)}`].join(
    ' · ',
  );
}

function Contents({ facts }: { readonly facts: RunFacts }) {
  const hasEpochs = facts.stages.some(({ manifest }) => manifest.epochs.length > 0);
  const links = [
    ...(hasEpochs ? [['ladder', 'Supernets']] : []),
    ...(facts.rankings.length > 0 ? [['ranking', 'Ranking']] : []),
    ...(hasEpochs ? [['epochs', 'Epochs']] : []),
    ...(hasEpochs && facts.truths.size > 0 ? [['truth', 'Ground truth']] : []),
    ['stages', 'Stages'],
    ...(facts.stages.length > 0
      ? [
          ['time', 'Time'],
          ['lineage', 'Lineage'],
        ]
      : []),
    ['configuration', 'Configuration'],
  ];
  return (
    <nav aria-label="On this page">
      {links.map(([id, title]) => (
        <a href={`#${id}`}>{title}</a>
      ))}
    </nav>
  );
}
