import type { Part } from './page.tsx';
import { State } from './stages.tsx';
import { count, figure, moment } from './words.ts';
import type { RunState } from '../plan/messages.ts';
import { bytes, duration, many } from '../report/format.ts';

/** A run in the list of all, as far as its server and its results tell of it. */
export interface ListedRun {
  readonly id: string;
  readonly state: RunState | 'unknown';
  /** What it waits for, in words. */
  readonly waits: readonly string[];
  /** In ms since 1970. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly bestTau: number | null;
  readonly bytes: number | null;
}

/** The parts of the list of runs: what is at work and what waits for somebody, then all of them. */
export function runsParts(runs: readonly ListedRun[], now: number): Part[] {
  const open = runs.filter(({ state }) => ['running', 'waiting', 'paused'].includes(state));
  return [
    {
      id: 'head',
      content: (
        <header>
          <h1>Runs</h1>
          <p class="subtitle">
            {many(runs.length, 'run')} of this server and results folder, {count(open.length)} of them open
          </p>
        </header>
      ),
    },
    { id: 'now', content: <Now runs={open} /> },
    { id: 'runs', content: <All runs={runs} now={now} /> },
  ];
}

function Now({ runs }: { readonly runs: readonly ListedRun[] }) {
  const waiting = runs.filter(({ waits }) => waits.length > 0);
  const working = runs.filter(({ state }) => state === 'running');
  return (
    <dl class="glance two">
      <div>
        <dt>What is running</dt>
        <dd>
          {working.length === 0
            ? 'nothing'
            : working.slice(0, 8).map(({ id }) => (
                <span class="line">
                  <a href={`/runs/${id}`}>{id}</a>
                </span>
              ))}
          {working.length > 8 ? `and ${count(working.length - 8)} more` : ''}
        </dd>
      </div>
      <div>
        <dt>Waits for you</dt>
        <dd>
          {waiting.length === 0
            ? 'nothing'
            : waiting.slice(0, 8).map(({ id, waits }) => (
                <span class="line">
                  <a href={`/runs/${id}#asked`}>{id}</a> {waits.slice(0, 3).join(', ')}
                </span>
              ))}
          {waiting.length > 8 ? `and ${count(waiting.length - 8)} more` : ''}
        </dd>
      </div>
    </dl>
  );
}

function All({ runs, now }: { readonly runs: readonly ListedRun[]; readonly now: number }) {
  if (runs.length === 0) {
    return (
      <p>
        There is none yet: <code>nas start pipelines/quickstart.yml --id mine</code> starts one.
      </p>
    );
  }
  return (
    <form method="get" action="/compare" class="runs">
      <div class="scroll" tabindex={0} role="region" aria-label="All runs">
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">Compare</span>
              </th>
              <th scope="col">Run</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Best tau
              </th>
              <th scope="col">Started</th>
              <th scope="col" class="number">
                Took
              </th>
              <th scope="col" class="number">
                Size
              </th>
              <th scope="col">Waits for</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <Row run={run} now={now} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="fields">
        <button type="submit">Compare the marked runs</button>
      </p>
    </form>
  );
}

function Row({ run, now }: { readonly run: ListedRun; readonly now: number }) {
  const { id, state, waits, startedAt, endedAt, bestTau, bytes: size } = run;
  const isOpen = ['running', 'waiting', 'paused'].includes(state);
  const ended = isOpen ? now : endedAt;
  return (
    <tr>
      <td>
        <input type="checkbox" name="run" value={id} aria-label={`compare ${id}`} />
      </td>
      <th scope="row">
        <a href={`/runs/${id}`}>{id}</a>
      </th>
      <td>
        {state === 'unknown' ? (
          <span title="results of a run that no server at hand knows">results only</span>
        ) : (
          <State state={state} />
        )}
      </td>
      <td class="number">{bestTau === null ? '' : figure(bestTau)}</td>
      <td class="together">{startedAt === null ? '' : moment(startedAt)}</td>
      <td class="number">{startedAt === null || ended === null ? '' : duration(ended - startedAt)}</td>
      <td class="number">{size === null ? '' : bytes(size)}</td>
      <td>{waits.slice(0, 3).join(', ')}</td>
    </tr>
  );
}
