import { bestFirst } from '../plan/choice.ts';
import type { Choice } from '../plan/choice.ts';
import type { JsonObject } from '../plan/json.ts';
import type { RunStatus, StageStatus } from '../plan/messages.ts';
import { devicesOf } from '../plan/names.ts';

/** Rows shown of a long list: the page takes 20 kB. */
export const MOST_ROWS = 60;

// The page leaves no space between columns and drops common ones, so that `2 of 0..5` and `0.844` would become one word.
const GAP = '\u00A0'.repeat(3);

/** One line on an activity's bar in the timeline: `few-shot-3 · 12 epochs · K=3`, `evaluate.3 · part=3`. */
export function summaryOf(work: string, config: JsonObject, cell: JsonObject): string {
  const { epochs, groups } = config;
  const words = Object.entries(cell).map(([name, value]) => `${name}=${typeof value === 'object' ? '…' : value}`);
  if (typeof epochs === 'number') words.push(`${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}`);
  if (typeof groups === 'number') words.push(`K=${groups}`);
  if (devicesOf(config) > 1) words.push(`${devicesOf(config)} ranks`);
  return [work, ...words].join(' · ').slice(0, 120);
}

/** The run as Markdown, for the page of the workflow in the Temporal UI; `all` stages, of which `status` may hold the first. */
export function detailsOf(status: RunStatus, all = status.stages.length): string {
  const { id, name, state, stages, notices } = status;
  const table = [
    '| stage | state | epoch | tau | supernet |',
    '| --- | --- | --- | --- | --- |',
    ...stages.slice(0, MOST_ROWS).map((stage) => `| ${row(stage).join(`${GAP} | `)} |`),
  ];
  const more = all > MOST_ROWS ? [`and ${all - MOST_ROWS} more stages`] : [];
  const asks = stages.slice(0, MOST_ROWS).flatMap((stage) => asking(id, stage));
  const said = notices.map((notice) => `> ${oneLine(notice, 300)}`);
  return [`**${name}** · run \`${id}\` · ${state}`, table.join('\n'), ...more, ...asks, ...said]
    .join('\n\n')
    .slice(0, 19_000);
}

function row(stage: StageStatus): string[] {
  const { cells, epoch, epochs } = stage;
  const progress = cells === undefined ? '' : ` (${cells.done}/${cells.total})`;
  // They count from 0, as in the names of their files.
  const of = epochs === undefined ? '' : ` of 0..${epochs - 1}`;
  const supernet = stage.supernet === undefined ? '' : `\`${stage.supernet}\``;
  return [stage.id, `${stage.state}${progress}`, epoch === undefined ? '' : `${epoch}${of}`, tauOf(stage), supernet];
}

function tauOf({ tau, interval }: StageStatus): string {
  if (tau === undefined) return '';
  return interval === undefined
    ? tau.toFixed(3)
    : `${tau.toFixed(3)} [${interval[0].toFixed(3)}, ${interval[1].toFixed(3)}]`;
}

// What a person is asked, with the lines that answer.
function asking(run: string, stage: StageStatus): string[] {
  if (stage.state === 'selecting') {
    const epoch = stage.epoch ?? 0;
    const input = JSON.stringify({ stage: stage.id, epoch });
    return [
      `**Choose the epoch of ${stage.id}** (best first): ${choicesInWords(stage.choices ?? [])}`,
      fenced(
        `nas select ${run} ${stage.id} ${epoch}`,
        `temporal workflow signal --workflow-id ${run} --name selectEpoch --input '${input}'`,
      ),
    ];
  }
  const parked = stage.state === 'parked' ? [stage.id] : (stage.cells?.parked ?? []);
  const [first] = parked;
  if (first === undefined) return [];
  const input = JSON.stringify({ stage: first });
  return [
    `**${parked.slice(0, 10).join(', ')} failed and waits**: ${oneLine(stage.error ?? '', 500)}`,
    fenced(
      `nas retry ${run} ${first}`,
      `nas skip ${run} ${first}`,
      `nas abort ${run} ${first}`,
      `temporal workflow update execute --workflow-id ${run} --name retryStage --input '${input}'`,
    ),
  ];
}

function choicesInWords(choices: readonly Choice[]): string {
  return bestFirst('latest-of-the-best', choices)
    .slice(0, 10)
    .map(({ epoch, tau }) => `${epoch} (tau ${tau?.toFixed(3) ?? 'none'})`)
    .join(', ');
}

function fenced(...lines: string[]): string {
  return ['```', ...lines, '```'].join('\n');
}

function oneLine(text: string, most: number): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, most);
}
