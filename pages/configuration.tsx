import type { CataloguedStage } from '../artifacts/catalogue.ts';
import type { RunFacts } from './facts.ts';
import { Section, Table } from './figure.tsx';
import type { Origin } from '../plan/plan.ts';
import type { Json } from '../plan/json.ts';
import { shellWord } from '../report/format.ts';

/** With what the run was configured: what differs from its pipeline's defaults first, and how to make it again. */
export function Configuration({ facts }: { readonly facts: RunFacts }) {
  const { origin, run } = facts;
  return (
    <Section id="configuration" title="Configuration">
      {origin === null ? (
        <p>
          Release 0.1.0 did not write down which pipeline and which settings a run was made with; its server may know.
        </p>
      ) : (
        <OriginView origin={origin} />
      )}
      <Trained stages={facts.stages} />
      <h3>Commands</h3>
      <pre data-copy="">
        <code>{commands(run, origin)}</code>
      </pre>
    </Section>
  );
}

function OriginView({ origin: { pipeline, params, set } }: { readonly origin: Origin }) {
  const changed = set.map((flag) => [flag.slice(0, flag.indexOf('=')), flag.slice(flag.indexOf('=') + 1)]);
  return (
    <>
      <p>
        Pipeline <code>{pipeline}</code>,{' '}
        {changed.length === 0 ? 'with its own values, nothing changed.' : 'changed by:'}
      </p>
      {changed.length === 0 ? null : (
        <Table
          label="What differs from the pipeline’s defaults"
          columns={[{ title: 'Changed' }, { title: 'Value' }]}
          rows={changed.map((pair) => pair.map((text) => <code>{text}</code>))}
        />
      )}
      {Object.keys(params).length === 0 ? null : (
        <details>
          <summary>All params</summary>
          <Table
            label="Params"
            columns={[{ title: 'Param' }, { title: 'Value' }]}
            rows={Object.entries(params).map(([key, value]) => [<code>{key}</code>, <code>{shown(value)}</code>])}
          />
        </details>
      )}
    </>
  );
}

function shown(value: Json | undefined): string {
  return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

const MOST_STAGES = 30;

/** The settings of all supernets: those they share, and those in which they differ, side by side. */
function Trained({ stages }: { readonly stages: readonly CataloguedStage[] }) {
  const trained = stages.filter(({ manifest }) => manifest.epochs.length > 0).slice(0, MOST_STAGES);
  if (trained.length === 0) return null;
  const settings = trained.map(({ manifest }) => leaves(manifest.config));
  const keys = [...new Set(settings.flatMap((one) => [...one.keys()]))].filter((key) => !/\bsha256$|\bfile$/.test(key));
  const isShared = (key: string): boolean => settings.every((one) => one.get(key) === settings[0]?.get(key));
  const differing = keys.filter((key) => !isShared(key) && !/^inherit\b/.test(key));
  return (
    <>
      {differing.length === 0 ? null : (
        <Table
          label="In what the supernets differ"
          columns={[
            { title: 'Differs' },
            ...trained.map(({ manifest }) => ({ title: manifest.stage, isNumber: true })),
          ]}
          rows={differing.map((key) => [<code>{key}</code>, ...settings.map((one) => one.get(key) ?? '')])}
        />
      )}
      <details>
        <summary>What all supernets share</summary>
        <Table
          label="What all supernets share"
          columns={[{ title: 'Setting' }, { title: 'Value' }]}
          rows={keys.filter(isShared).map((key) => [<code>{key}</code>, settings[0]?.get(key) ?? ''])}
        />
      </details>
    </>
  );
}

/** Every scalar, and every list as one, by its dotted path. */
function leaves(value: Json, path: readonly string[] = [], found = new Map<string, string>()): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return found.set(path.join('.'), text.length > 120 ? `${text.slice(0, 117)}…` : text);
  }
  for (const [key, inner] of Object.entries(value)) leaves(inner, [...path, key], found);
  return found;
}

/** How the run is made once more, read again and checked. */
function commands(run: string, origin: Origin | null): string {
  const again =
    origin === null ? [] : [`${startCommand(`${run}-again`, origin)} --fresh --watch   # make it all once more`];
  return [
    ...again,
    `nas report ${run}   # the summary in a terminal`,
    `nas report ${run} --html ${run}.html   # this page`,
    `nas top ${run} --pareto   # subnets of the ranking`,
    `nas explain ${run}   # what it was made of, every file checked`,
  ].join('\n');
}

function startCommand(id: string, { pipeline, set }: Origin): string {
  const flags = set.map((flag) => ` --set ${shellWord(flag)}`);
  return `nas start ${shellWord(pipeline)} --id ${id}${flags.join('')}`;
}
