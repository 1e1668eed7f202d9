import pc from 'picocolors';
import type { Command } from 'commander';
import { resultsRoot } from '../artifacts/paths.ts';
import { Failure } from './failure.ts';
import { jsonOption, output } from './options.ts';
import { columns } from './view/format.ts';
import { compareRuns } from '../report/compare.ts';
import type { ComparedRuns } from '../report/compare.ts';
import { duration, tau } from '../report/format.ts';

export function define(command: Command): void {
  command
    .argument('<run...>', 'runs, or single stages as <run>/<folder>; the first is what the others are held against')
    .addOption(jsonOption())
    .action(async (runs: string[], { json }: { json?: true }) => {
      if (runs.length < 2) {
        throw new Failure(`nas compare: expected two runs or more, got ${runs.length}; \`nas list\` shows them`, 2);
      }
      const compared = await compareRuns(resultsRoot(), runs);
      output(json, compared, () => comparisonText(compared));
    });
}

/** What differs, then what was reached, then what it cost: a table each. */
export function comparisonText({ runs, settings, supernets, costs }: ComparedRuns): string {
  const head = (...titles: string[]): string[] => [...titles, ...runs].map((title) => pc.dim(title));
  const told = settings.map(({ stages, key, values }) => [
    inFewWords(stages),
    key,
    ...values.map((value) => (value === null ? '—' : JSON.stringify(value))),
  ]);
  const reached = supernets.flatMap(({ stage, chosen, overFirst }) => [
    [
      stage,
      'tau',
      ...chosen.map((one) =>
        one === null ? '—' : one.tau === null ? 'undefined' : tau(one.tau, one.interval ?? undefined),
      ),
    ],
    ['', 'epoch', ...chosen.map((one) => (one === null ? '—' : String(one.epoch)))],
    ...(overFirst.every((one) => one === null)
      ? []
      : [
          [
            '',
            `over ${runs[0] ?? ''}`,
            ...overFirst.map((one) => (one === null ? '' : signed(tau(one.estimate, [one.low, one.high])))),
          ],
        ]),
  ]);
  const spent = [
    ['useful', ...costs.map(({ useful }) => duration(1000 * useful))],
    ['redone', ...costs.map(({ redone }) => duration(1000 * redone))],
    ['attempts', ...costs.map(({ attempts }) => String(attempts))],
  ];
  return [
    ...(told.length === 0 ? ['they were told the same'] : columns([head('differs in', 'key'), ...told])),
    '',
    ...(reached.length === 0
      ? ['no epoch of a supernet was chosen in any of them']
      : [
          ...columns([head('supernet', ''), ...reached]),
          pc.dim('differences of tau on the same resamples of the ground truth, with 95 % bootstrap intervals'),
        ]),
    '',
    ...columns([head('time'), ...spent]),
  ].join('\n');
}

const MOST = 2;

function inFewWords(stages: readonly string[]): string {
  const more = stages.length > MOST ? `, ${stages.length - MOST} more` : '';
  return stages.slice(0, MOST).join(', ') + more;
}

function signed(figure: string): string {
  return figure.startsWith('-') ? figure : `+${figure}`;
}
