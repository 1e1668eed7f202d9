import { group } from 'd3-array';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { namedFiles } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import type { FileReference } from '../artifacts/references.ts';
import type { RunFacts } from './facts.ts';
import { Section, Table } from './figure.tsx';
import { count } from './words.ts';
import { parseActivityId } from '../plan/names.ts';

const MOST = 300;

/** What each stage was made from and what it gave, file by file with the hashes that the manifests have. */
export function Lineage({ facts: { run, stages } }: { readonly facts: RunFacts }) {
  const groups = [...group(stages, ({ manifest }) => parseActivityId(manifest.stage).stage)];
  if (groups.length === 0) return null;
  return (
    <Section
      id="lineage"
      title="Lineage"
      lead={
        <>
          What every stage took in and gave, each file with the beginning of its sha256. <code>nas explain {run}</code>{' '}
          compares all of them with the bytes on disk.
        </>
      }
    >
      <details open={groups.length <= 40}>
        <summary>All stages</summary>
        <Table
          label="Lineage"
          columns={[{ title: 'Stage' }, { title: 'Made from' }, { title: 'Gave' }]}
          rows={groups.slice(0, MOST).map(([id, cells]) => rowOf(run, id, cells))}
        />
        {groups.length > MOST ? <p>and {count(groups.length - MOST)} more stages</p> : null}
      </details>
      <Environments stages={stages} />
    </Section>
  );
}

function rowOf(run: string, id: string, cells: readonly CataloguedStage[]) {
  const files = (of: (manifest: Manifest) => FileReference[]): FileReference[] => [
    ...new Map(cells.flatMap(({ manifest }) => of(manifest)).map((file) => [file.file, file])).values(),
  ];
  return [
    cells.length === 1 ? id : `${id} (${cells.length} cells)`,
    <Files run={run} files={files(({ config }) => namedFiles(config))} />,
    <Files run={run} files={files(({ outputs }) => namedFiles(outputs ?? {}))} />,
  ];
}

/** What decides the bits of a result beside its config, and how many pieces of work were done with it. */
function Environments({ stages }: { readonly stages: readonly CataloguedStage[] }) {
  const found = group(stages, ({ manifest }) =>
    Object.entries(manifest.environment)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  );
  return (
    <p class="note">
      Computed with{' '}
      {[...found]
        .slice(0, 6)
        .map(([environment, own]) => `${environment} (${count(own.length)})`)
        .join('; ')}
      {found.size > 6 ? `; and ${found.size - 6} other environments` : ''}
    </p>
  );
}

const FEW = 4;

function Files({ run, files }: { readonly run: string; readonly files: readonly FileReference[] }) {
  const line = ({ file, sha256 }: FileReference) => (
    <span class="line">
      <code title={`sha256 ${sha256}`}>
        {file.startsWith(`${run}/`) ? file.slice(run.length + 1) : file} <small>{sha256.slice(0, 8)}</small>
      </code>
    </span>
  );
  if (files.length <= FEW) return files.map(line);
  return (
    <details>
      <summary>{files.length} files</summary>
      {files.slice(0, 100).map(line)}
      {files.length > 100 ? `and ${count(files.length - 100)} more` : null}
    </details>
  );
}
