import { group } from 'd3-array';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import type { RunFacts } from './facts.ts';
import { Section, Table } from './figure.tsx';
import { count, figure } from './words.ts';
import { choiceInWords, epochOf, many } from '../report/format.ts';
import type { RunState, StageState, StageStatus } from '../plan/messages.ts';
import { parseActivityId } from '../plan/names.ts';

/** Every stage, how it stands and what it has reached: as the server says, or as the manifests do where none was asked. */
export function Stages({ facts }: { readonly facts: RunFacts }) {
  const rows = facts.live === null ? rowsOfResults(facts.stages) : facts.live.status.stages.map(rowOfStatus);
  const states = [...group(rows, ({ state }) => state)].map(([state, own]) => `${count(own.length)} ${state}`);
  return (
    <Section id="stages" title="Stages" lead={`${many(rows.length, 'stage')}: ${states.join(', ')}.`}>
      <details open={rows.length <= 60}>
        <summary>All stages</summary>
        <Table
          label="All stages"
          columns={[
            { title: 'Stage' },
            { title: 'State' },
            { title: 'Kind' },
            { title: 'Epoch', isNumber: true },
            { title: 'Tau', isNumber: true },
            { title: 'Cells', isNumber: true },
            { title: 'Attempts', isNumber: true },
          ]}
          rows={rows.map(({ id, state, uses, epoch, tau, cells, attempts }) => [
            id,
            <State state={state} />,
            uses,
            epoch,
            tau,
            cells,
            attempts,
          ])}
        />
      </details>
      <Remarks facts={facts} />
    </Section>
  );
}

const marks: Readonly<Record<StageState | RunState, string>> = {
  waiting: '·',
  running: '▶',
  paused: '‖',
  stopped: '■',
  selecting: '?',
  parked: '!',
  failed: '✕',
  skipped: '–',
  reused: '↺',
  done: '✓',
  cancelled: '✕',
};

/** A state as a mark and a word: never by colour alone. */
export function State({ state }: { readonly state: StageState | RunState }) {
  return (
    <span class={`state ${state}`}>
      <span aria-hidden="true">{marks[state]}</span> {state}
    </span>
  );
}

interface Row {
  readonly id: string;
  readonly state: StageState;
  readonly uses: string;
  readonly epoch: string;
  readonly tau: string;
  readonly cells: string;
  readonly attempts: string;
}

function rowOfStatus({ id, state, uses, epoch, epochs, tau, cells, attempts }: StageStatus): Row {
  return {
    id,
    state,
    uses,
    epoch: epoch === undefined ? '' : epochOf(epoch, epochs),
    tau: tau === undefined ? '' : figure(tau),
    cells: cells === undefined ? '' : `${cells.done} of ${cells.total}`,
    attempts: attempts === 0 ? '' : count(attempts),
  };
}

function rowsOfResults(stages: readonly CataloguedStage[]): Row[] {
  const byStage = group(stages, ({ manifest }) => parseActivityId(manifest.stage).stage);
  return [...byStage].map(([id, cells]) => {
    const [{ manifest }] = [cells[0]!];
    const done = cells.filter((cell) => cell.manifest.state === 'done');
    const { selection } = manifest;
    return {
      id,
      state:
        done.length < cells.length
          ? 'running'
          : done.every((cell) => cell.manifest.reused !== null)
            ? 'reused'
            : 'done',
      uses: manifest.uses,
      epoch: selection === null ? '' : String(selection.epoch),
      tau: selection?.tau == null ? '' : figure(selection.tau),
      cells: cells.length === 1 ? '' : `${done.length} of ${cells.length}`,
      attempts: count(cells.reduce((sum, cell) => sum + cell.manifest.attempts.length, 0)),
    };
  });
}

/** What went wrong, what was chosen by whom, and what was taken over: a line each. */
function Remarks({ facts: { live, stages } }: { readonly facts: RunFacts }) {
  const said = (live?.status.stages ?? []).flatMap(({ id, error, set }) => [
    ...(error === undefined ? [] : [`${id}: ${error}`]),
    ...Object.entries(set ?? {}).map(([key, value]) => `${id}: retried with ${key}=${JSON.stringify(value)}`),
  ]);
  const noted = stages.flatMap(({ manifest: { stage, selection, reused, notices } }) => [
    ...(selection?.by === 'person' ? [`${stage}: ${choiceInWords(selection)}`] : []),
    ...(reused === null ? [] : [`${stage}: ${reused.why}`]),
    ...notices.map((notice) => `${stage}: ${notice}`),
  ]);
  const all = [...said, ...(live?.status.notices ?? []), ...noted];
  if (all.length === 0) return null;
  return (
    <ul class="remarks">
      {all.slice(0, 100).map((one) => (
        <li>{one}</li>
      ))}
      {all.length > 100 ? <li>and {count(all.length - 100)} more</li> : null}
    </ul>
  );
}
