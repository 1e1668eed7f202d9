import type { RunFacts } from './facts.ts';
import { Section } from './figure.tsx';
import { count, moment } from './words.ts';
import { linesOf, spansOf } from '../artifacts/ledger.ts';
import type { Span } from '../artifacts/ledger.ts';
import { duration } from '../report/format.ts';

const MOST = 100;

interface Row {
  readonly id: string;
  readonly spans: readonly Span[];
  readonly useful: number;
  readonly redone: number;
  readonly waiting: number;
  readonly attempts: number;
  readonly reused: string | null;
}

/** When each stage waited, worked and worked in vain. */
export function Timeline({ facts: { stages, takenAt } }: { readonly facts: RunFacts }) {
  const rows = stages.map(({ manifest: { stage, attempts, reused } }): Row => {
    const lines = linesOf(stage, attempts, takenAt);
    const sum = (of: 'useful' | 'redone' | 'waiting'): number => lines.reduce((total, one) => total + one[of], 0);
    const spans = spansOf(attempts, takenAt);
    return {
      id: stage,
      spans,
      useful: sum('useful'),
      redone: sum('redone'),
      waiting: sum('waiting'),
      attempts: attempts.length,
      reused: reused?.why ?? null,
    };
  });
  const [from, to] = [
    Math.min(...rows.flatMap(({ spans }) => spans.map(({ queued }) => queued))),
    Math.max(...rows.flatMap(({ spans }) => spans.map(({ ended }) => ended))),
  ];
  if (!Number.isFinite(from)) return null;
  const longest = rows.toSorted((a, b) => lengthOf(b) - lengthOf(a)).slice(0, MOST);
  const shown = rows.filter((row) => longest.includes(row));
  const rest = rows.filter((row) => !longest.includes(row));
  return (
    <Section
      id="time"
      title="Time"
      lead={
        <>
          From {moment(from)} to {moment(to)}, {duration(to - from)} in all. <span class="key waiting">waiting</span>{' '}
          for a worker, <span class="key useful">useful</span> work, work that was{' '}
          <span class="key redone">redone</span> because an attempt was lost.
        </>
      }
    >
      <div class="scroll" tabindex={0} role="region" aria-label="Time by stage">
        <table class="timeline">
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <th scope="col" class="bar">
                <span class="ticks">
                  <span>0s</span>
                  <span>{duration((to - from) / 2)}</span>
                  <span>{duration(to - from)}</span>
                </span>
              </th>
              {['Useful', 'Redone', 'Waiting', 'Attempts'].map((title) => (
                <th scope="col" class="number">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <TimeRow row={row} from={from} to={to} />
            ))}
          </tbody>
          <tfoot>
            {rest.length === 0 ? null : <Sum name={`${count(rest.length)} shorter ones`} rows={rest} />}
            <Sum name="all" rows={rows} />
          </tfoot>
        </table>
      </div>
    </Section>
  );
}

function lengthOf({ useful, redone, waiting }: Row): number {
  return useful + redone + waiting;
}

function TimeRow({ row, from, to }: { readonly row: Row; readonly from: number; readonly to: number }) {
  const { id, spans, useful, redone, waiting, attempts, reused } = row;
  const bars = spans.flatMap(({ queued, started, kept, ended }) => [
    { kind: 'waiting', start: queued, end: started },
    { kind: 'useful', start: started, end: kept },
    { kind: 'redone', start: kept, end: ended },
  ]);
  const share = (time: number): string => `${((100 * time) / Math.max(1, to - from)).toFixed(2)}%`;
  return (
    <tr>
      <th scope="row">{id}</th>
      <td class="bar">
        <svg width="100%" height="16" aria-hidden="true">
          {bars
            .filter(({ start, end }) => end > start)
            .map(({ kind, start, end }) => (
              <rect class={kind} x={share(start - from)} width={share(end - start)} y="2" height="12">
                <title>{`${id}: ${kind} ${duration(end - start)}, from ${moment(start)}`}</title>
              </rect>
            ))}
        </svg>
      </td>
      <td class="number">{reused === null ? duration(1000 * useful) : <span title={reused}>taken over</span>}</td>
      <td class="number">{redone > 0 ? duration(1000 * redone) : ''}</td>
      <td class="number">{waiting >= 0.5 ? duration(1000 * waiting) : ''}</td>
      <td class="number">{count(attempts)}</td>
    </tr>
  );
}

function Sum({ name, rows }: { readonly name: string; readonly rows: readonly Row[] }) {
  const sum = (of: 'useful' | 'redone' | 'waiting' | 'attempts'): number =>
    rows.reduce((total, row) => total + row[of], 0);
  return (
    <tr>
      <th scope="row">{name}</th>
      <td />
      <td class="number">{duration(1000 * sum('useful'))}</td>
      <td class="number">{duration(1000 * sum('redone'))}</td>
      <td class="number">{duration(1000 * sum('waiting'))}</td>
      <td class="number">{count(sum('attempts'))}</td>
    </tr>
  );
}
