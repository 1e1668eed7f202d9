import pc from 'picocolors';
import { columns } from '../view/columns.ts';
import type { Comparison } from './compare.ts';
import { targets } from './kills.ts';
import type { Target } from './kills.ts';
import type { Kill } from './make-kills.ts';

/** How many kills fell into each phase, by what was killed. */
export type Phases = Readonly<Record<string, Readonly<Record<Target, number>>>>;

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
  const rows = kills.map(({ target, piece, phase, visit }, at) => [`${at + 1}`, target, piece, phase, `${visit}`]);
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
