import pc from 'picocolors';
import { catalogue } from '../../artifacts/catalogue.ts';
import { filesOf } from '../../artifacts/manifest.ts';
import { openStore } from '../../artifacts/results.ts';
import { targets, victimOf } from './kills.ts';
import type { Kill, Target } from './kills.ts';
import { columns } from '../view/format.ts';

/** What two runs of the same plan made of one stage, or of one cell of it. */
interface Comparison {
  readonly directory: string;
  /** Files with a sha256, and measured values beside them. */
  readonly files: number;
  readonly attempts: { readonly straight: number; readonly killed: number };
  /** What differs, by name; empty where the bits are the same. */
  readonly different: readonly string[];
}

interface Made {
  readonly attempts: number;
  /** sha256 of each file as it lies there, and of each value that the manifest records. */
  readonly hashes: ReadonlyMap<string, string>;
}

/** Compares all results of two runs of one plan, each in its own results folder, stage by stage. */
export async function compareResults(straight: string, killed: string): Promise<Comparison[]> {
  const [ours, theirs] = await Promise.all([madeIn(straight), madeIn(killed)]);
  const nothing: Made = { attempts: 0, hashes: new Map() };
  return [...new Set([...ours.keys(), ...theirs.keys()])].map((directory) => {
    const [a, b] = [ours.get(directory) ?? nothing, theirs.get(directory) ?? nothing];
    const names = [...new Set([...a.hashes.keys(), ...b.hashes.keys()])];
    return {
      directory,
      files: names.length,
      attempts: { straight: a.attempts, killed: b.attempts },
      different: names.filter((name) => a.hashes.get(name) !== b.hashes.get(name)),
    };
  });
}

async function madeIn(results: string): Promise<Map<string, Made>> {
  const made = new Map<string, Made>();
  for (const { directory, manifest } of await catalogue(results)) {
    const hashes = new Map<string, string>();
    for (const file of filesOf(manifest)) {
      hashes.set(file.file, (await openStore(results).hashOf(file)) ?? 'no file');
    }
    const { state, fingerprint, outputs, epochs, selection } = manifest;
    hashes.set('fingerprint', fingerprint);
    hashes.set('state', state);
    hashes.set('outputs', JSON.stringify(outputs));
    hashes.set('chosen epoch', String(selection?.epoch ?? ''));
    for (const epoch of epochs) hashes.set(`metrics of epoch ${epoch.epoch}`, JSON.stringify(epoch));
    made.set(directory, { attempts: manifest.attempts.length, hashes });
  }
  return made;
}

/** How many kills fell into each phase, by what was killed. */
type Phases = Readonly<Record<string, Readonly<Record<Target, number>>>>;

export function killsByPhase(kills: readonly Kill[]): Phases {
  const phases = [...new Set(kills.map(({ phase }) => phase))];
  const count = (phase: string, target: Target): number =>
    kills.filter((kill) => kill.phase === phase && kill.target === target).length;
  return Object.fromEntries(
    phases.map((phase) => [
      phase,
      { trainer: count(phase, 'trainer'), worker: count(phase, 'worker'), server: count(phase, 'server') },
    ]),
  );
}

export function killTable(kills: readonly Kill[]): string[] {
  const rows = kills.map((kill, at) => [`${at + 1}`, victimOf(kill), kill.piece, kill.phase, `${kill.visit}`]);
  return columns([head('kill', 'of the', 'in', 'phase', 'its time there'), ...rows]);
}

export function phaseTable(phases: Phases): string[] {
  const rows = Object.entries(phases).map(([phase, counts]) => [
    phase,
    ...targets.map((target) => `${counts[target]}`),
    `${targets.reduce((sum, target) => sum + counts[target], 0)}`,
  ]);
  return columns([head('phase', ...targets, 'kills'), ...rows]);
}

export function stageTable(stages: readonly Comparison[]): string[] {
  const rows = stages.map(({ directory, files, attempts, different }) => [
    `${different.length === 0 ? pc.green('✓') : pc.red('✗')} ${directory}`,
    String(files),
    `${attempts.straight}, then ${attempts.killed}`,
    different.length === 0 ? '0' : different.join(', '),
  ]);
  return columns([head('stage', 'values compared', 'attempts', 'different'), ...rows]);
}

function head(...titles: string[]): string[] {
  return titles.map((title) => pc.dim(title));
}
