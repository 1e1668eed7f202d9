import path from 'node:path';
import { isS3 } from '../artifacts/paths.ts';
import type { Child } from 'hono/jsx';
import type { LiveFacts, RunFacts, TrainedStage } from './facts.ts';
import { count, figure, range } from './words.ts';
import type { Interval } from '../nas/evaluation/agreement.ts';
import type { BaselineFigures } from '../report/figures.ts';

/** The five questions that come first, each with its answer. */
export function Glance({ facts }: { readonly facts: RunFacts }) {
  const best = bestOf(facts);
  return (
    <dl class="glance" id="glance">
      <Answer question="What is running">{running(facts)}</Answer>
      <Answer question="Waits for you">{waiting(facts)}</Answer>
      <Answer question="Best supernet">{best === null ? 'none yet' : bestWords(best)}</Answer>
      <Answer question="How sure is that">
        {best === null ? 'nothing to say yet' : <Certainty facts={facts} best={best} />}
      </Answer>
      <Answer question="Where the files are">
        <Files facts={facts} best={best} />
      </Answer>
    </dl>
  );
}

function Answer({ question, children }: { readonly question: string; readonly children?: Child }) {
  return (
    <div>
      <dt>{question}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function running({ live, stages }: RunFacts): Child {
  if (live !== null) return live.ending === null ? atWork(live) : `nothing: the run is ${live.ending}`;
  const open = stages.filter(({ manifest }) => manifest.state === 'running');
  if (open.length === 0) return 'nothing: all that was begun is done';
  return `${names(open.map(({ manifest }) => manifest.stage))}, when this page was made`;
}

function atWork({ work }: LiveFacts): Child {
  if (work.length === 0) return 'nothing at this moment';
  const shown = work.slice(0, 3).map(({ name, words }) => (
    <span class="line">
      <strong>{name}</strong> {words}
    </span>
  ));
  return [...shown, work.length > 3 ? <span class="line">and {count(work.length - 3)} more</span> : null];
}

function waiting({ live }: RunFacts): Child {
  const asked = live === null || live.ending !== null ? [] : waitingStages(live);
  if (asked.length === 0) return 'nothing';
  return asked.slice(0, 5).map(({ id, what }) => (
    <span class="line">
      <a href="#asked">{id}</a> {what}
    </span>
  ));
}

/** Stages that go on only when a person says how. */
export function waitingStages({ status }: LiveFacts): { id: string; what: string }[] {
  return status.stages.flatMap(({ id, state, cells }) => {
    if (state === 'selecting') return [{ id, what: 'an epoch is to be chosen' }];
    const parked = cells?.parked ?? [];
    if (parked.length > 0) return [{ id, what: `${names(parked)} failed` }];
    return state === 'parked' ? [{ id, what: 'failed' }] : [];
  });
}

function names(all: readonly string[]): string {
  return all.length > 3 ? `${all.slice(0, 3).join(', ')} and ${all.length - 3} more` : all.join(', ');
}

/** The supernet with the largest tau, of equals the last. */
function bestOf(facts: RunFacts): TrainedStage | null {
  return facts.trained.reduce<TrainedStage | null>(
    (best, one) => ((one.record.tau ?? -2) >= (best?.record.tau ?? -2) ? one : best),
    null,
  );
}

function bestWords({ id, groups, record, isChosen }: TrainedStage): Child {
  return (
    <>
      <strong>{id}</strong> (K = {groups}), epoch {record.epoch}: tau <strong>{figure(record.tau)}</strong>
      {isChosen ? null : ', its best so far'}
    </>
  );
}

/** How far chance may have made that tau, and whether training was worth it: as the report says, where there is one. */
function Certainty({ facts, best }: { readonly facts: RunFacts; readonly best: TrainedStage }) {
  const { interval, groundTruth, file } = best.record;
  const row = facts.reports.flatMap(({ supernets }) => supernets).find((one) => one.file === file);
  const [low, high] = row === undefined ? (interval ?? [null, null]) : [row.tau.low, row.tau.high];
  const [baseline] = facts.truths.get(best.truth)?.baselines ?? [];
  return (
    <>
      {low === null ? 'no interval is known' : `95 % interval ${range(low, high)}`}, from {count(groundTruth.length)}{' '}
      subnets trained alone.
      {baseline === undefined ? '' : ` ${compared(row?.overBaseline ?? null, baseline)}`}
    </>
  );
}

function compared(over: Interval | null, { name, tau }: BaselineFigures): string {
  const without = `${name} alone (${figure(tau.estimate)}), which needs no training`;
  if (over === null) return `Compare with ${without}.`;
  if (over.low > 0) return `It beats ${without}.`;
  return over.high < 0 ? `It is worse than ${without}.` : `No clear difference from ${without}.`;
}

function Files({ facts, best }: { readonly facts: RunFacts; readonly best: TrainedStage | null }) {
  const ranking = facts.rankings.map(({ ranking: { table } }) => table);
  const files = [...(best?.record.file == null ? [] : [best.record.file]), ...ranking];
  if (files.length === 0) return 'none yet';
  return files.map((file) => (
    <code class="line path" data-copy={isS3(facts.root) ? file : path.join(facts.root, file)}>
      <Path file={file} />
    </code>
  ));
}

/** A path that breaks behind its slashes where it does not fit into a line. */
export function Path({ file }: { readonly file: string }) {
  return shortPath(file)
    .split('/')
    .map((name, at) =>
      at === 0 ? (
        name
      ) : (
        <>
          /<wbr />
          {name}
        </>
      ),
    );
}

/** A path of a result as people read it: below the results folder. */
export function shortPath(file: string): string {
  return `results/${file}`;
}
