import path from 'node:path';
import { group } from 'd3-array';
import type { RunFacts, TrainedStage, TruthFacts } from './facts.ts';
import { Section } from './figure.tsx';
import { shortPath } from './glance.tsx';
import { count, figure, range, signed, withRange } from './words.ts';
import type { Interval } from '../nas/evaluation/agreement.ts';
import type { BaselineFigures, Ceiling } from '../report/figures.ts';
import type { Report } from '../report/text.ts';

// The supernets one above the other, each with its tau and how sure that is, on one scale with what needs no training and
// with what the noise of the ground truth allows.

/** What stands on one scale: as a report says, or as manifests say where there is no report of it yet. */
interface Scaled {
  readonly against: string;
  readonly supernets: readonly Rung[];
  readonly baselines: readonly Rung[];
  readonly ceiling: Ceiling | null;
}

interface Rung {
  readonly name: string;
  readonly groups: string;
  readonly epoch: string;
  readonly tau: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Tau among subnets of equal size; null where the ground truth has none. */
  readonly inside: Interval | null;
  /** Over the best baseline; null where no report says. */
  readonly over: Interval | null;
  readonly file: string;
  readonly kind: 'supernet' | 'baseline';
}

export function Ladder({ facts }: { readonly facts: RunFacts }) {
  const all = scaledIn(facts);
  if (all.length === 0) return null;
  return (
    <Section
      id="ladder"
      title="Supernets"
      lead={
        <>
          How well each supernet ranks subnets, as Kendall’s tau against their accuracies when trained alone. The bar is
          the 95 % bootstrap interval: where bars overlap, the difference may be chance.
        </>
      }
    >
      {all.map((one) => (
        <ScaledView {...one} />
      ))}
    </Section>
  );
}

function scaledIn(facts: RunFacts): Scaled[] {
  const reported = new Set(facts.reports.flatMap(({ supernets }) => supernets.map(({ file }) => file)));
  const others = facts.trained.filter(({ record }) => record.file === null || !reported.has(record.file));
  return [
    ...facts.reports.map((report) => scaledOfReport(facts, report)),
    ...[...group(others, ({ truth }) => truth)].map(([truth, own]) => scaledOfManifests(own, facts.truths.get(truth))),
  ];
}

function scaledOfReport({ stages }: RunFacts, { groundTruth, ceiling, baselines, supernets }: Report): Scaled {
  const which = groundTruth.heldOut ? 'subnets that no epoch was chosen by, of' : 'subnets of';
  return {
    against: `Measured against the ${groundTruth.subnets} ${which} ${groundTruth.file}.`,
    ceiling,
    baselines: baselines.map(baselineRung),
    supernets: supernets.map(({ groups, epoch, file, tau, inside, overBaseline }) => ({
      name: stages.find(({ directory }) => directory === path.posix.dirname(file))?.manifest.stage ?? file,
      groups: String(groups),
      epoch: String(epoch),
      tau: tau.estimate,
      low: tau.low,
      high: tau.high,
      inside: inside?.tau ?? null,
      over: overBaseline,
      file,
      kind: 'supernet',
    })),
  };
}

function scaledOfManifests(trained: readonly TrainedStage[], measured: TruthFacts | undefined): Scaled {
  return {
    against:
      measured === undefined
        ? 'The file of the ground truth has changed since, so baselines cannot be shown.'
        : `Measured against the ${measured.truth.subnets.length} subnets of ${measured.file}.`,
    ceiling: measured?.ceiling ?? null,
    baselines: (measured?.baselines ?? []).map(baselineRung),
    supernets: trained.map(({ id, groups, record: { epoch, tau, interval, file } }) => ({
      name: id,
      groups: String(groups),
      epoch: String(epoch),
      tau,
      low: interval?.[0] ?? null,
      high: interval?.[1] ?? null,
      inside: null,
      over: null,
      file: file ?? '',
      kind: 'supernet',
    })),
  };
}

function baselineRung({ name, tau, inside }: BaselineFigures): Rung {
  const figures = { tau: tau.estimate, low: tau.low, high: tau.high, inside: inside?.tau ?? null, over: null };
  return { name, groups: '', epoch: '', ...figures, file: '', kind: 'baseline' };
}

const MOST = 300;

function ScaledView({ against, supernets: all, baselines, ceiling }: Scaled) {
  const supernets = all.slice(0, MOST);
  const shown = [...supernets, ...baselines];
  const scale = scaleOf(shown, ceiling?.kendallTau ?? null);
  const has = { inside: shown.some(({ inside }) => inside !== null), over: shown.some(({ over }) => over !== null) };
  const row = (rung: Rung) => <Row rung={rung} scale={scale} ceiling={ceiling?.kendallTau ?? null} has={has} />;
  return (
    <>
      <div class="scroll" tabindex={0} role="region" aria-label="Supernets and baselines">
        <table class="ladder">
          <thead>
            <tr>
              <th scope="col">Supernet</th>
              <th scope="col" class="number">
                K
              </th>
              <th scope="col" class="number">
                Tau
              </th>
              <th scope="col" class="bar">
                <Axis scale={scale} />
              </th>
              <th scope="col">95 % interval</th>
              <th scope="col" class="number">
                Epoch
              </th>
              {has.inside ? <th scope="col">Inside bands of equal size</th> : null}
              {has.over ? <th scope="col">Over the best baseline</th> : null}
            </tr>
          </thead>
          <tbody>{supernets.map(row)}</tbody>
          {baselines.length === 0 ? null : (
            <tbody>
              <tr>
                <th scope="rowgroup" colspan={8} class="group">
                  Without any training
                </th>
              </tr>
              {baselines.map(row)}
            </tbody>
          )}
        </table>
      </div>
      {all.length > MOST ? (
        <p>
          The first {count(MOST)} of {count(all.length)} supernets are shown, in the order in which they were begun.
        </p>
      ) : null}
      <p class="note ceiling">
        {against} {ceilingWords(ceiling)}
      </p>
    </>
  );
}

function ceilingWords(ceiling: Ceiling | null): string {
  if (ceiling === null) return 'The noise of its accuracies is not known, so neither is the highest tau they allow.';
  const { kendallTau, reliability } = ceiling;
  return `Dashed line: the noise ceiling. The accuracies have a reliability of ${figure(reliability)}, so even a perfect ranking reaches ${figure(kendallTau)} on average.`;
}

interface TauScale {
  readonly low: number;
  readonly high: number;
}

// From the lowest that any supernet may have to 1; a baseline far below is cut off at the edge, not the supernets squeezed.
function scaleOf(rungs: readonly Rung[], ceiling: number | null): TauScale {
  const lowest = rungs
    .filter(({ kind }) => kind === 'supernet')
    .flatMap(({ tau, low }) => [tau ?? [], low ?? []].flat());
  const low = Math.floor(10 * Math.min(...lowest, ceiling ?? 1)) / 10;
  return { low: Math.max(-1, Number.isFinite(low) ? low : -1), high: 1 };
}

function at({ low, high }: TauScale, value: number): string {
  return `${(100 * Math.min(1, Math.max(0, (value - low) / (high - low)))).toFixed(1)}%`;
}

function Axis({ scale }: { readonly scale: TauScale }) {
  const middle = (scale.low + scale.high) / 2;
  return (
    <span class="ticks">
      {[scale.low, middle, scale.high].map((value) => (
        <span>{value.toFixed(2).replace('-', '−')}</span>
      ))}
    </span>
  );
}

interface RowProps {
  readonly rung: Rung;
  readonly scale: TauScale;
  readonly ceiling: number | null;
  readonly has: { readonly inside: boolean; readonly over: boolean };
}

function Row({ rung, scale, ceiling, has }: RowProps) {
  const { name, groups, epoch, tau, low, high, inside, over, file, kind } = rung;
  return (
    <tr
      class={kind}
      data-name={name}
      data-tau={tau ?? undefined}
      data-low={low ?? undefined}
      data-high={high ?? undefined}
    >
      <th scope="row" title={file === '' ? undefined : shortPath(file)}>
        {name}
      </th>
      <td class="number">{groups}</td>
      <td class="number">{figure(tau)}</td>
      <td class="bar">
        <svg width="100%" height="18" aria-hidden="true">
          {ceiling === null ? null : (
            <line class="ceiling" x1={at(scale, ceiling)} x2={at(scale, ceiling)} y1="0" y2="18" />
          )}
          {low === null || high === null || high < scale.low ? null : (
            <line class="interval" x1={at(scale, low)} x2={at(scale, high)} y1="9" y2="9" />
          )}
          {tau === null || tau < scale.low ? (
            <text x="0" y="13">
              ‹
            </text>
          ) : (
            <circle cx={at(scale, tau)} cy="9" r="4.5" />
          )}
        </svg>
      </td>
      <td class="together">{low === null ? '' : range(low, high)}</td>
      <td class="number">{epoch}</td>
      {has.inside ? <td class="together">{inside === null ? '' : withRange(inside)}</td> : null}
      {has.over ? <td class="together">{over === null ? '' : signed(over)}</td> : null}
    </tr>
  );
}
