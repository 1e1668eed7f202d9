import type { Kind } from '../pipelines/kinds/kind.ts';
import { BadInput, refuse } from '../plan/endings.ts';
import type { StageInput } from '../plan/results.ts';

// A plan comes from whoever may start runs. What it may ask of a machine is for the one to say who starts the worker there.

export interface Permissions {
  /** Whether plans may name programs to run: stages of the kind `command`, and `notify: command`. */
  readonly commands: boolean;
  /** The most that a stage may need by its config; absent: any amount. */
  readonly most: {
    /** Bytes, as `nas plan` estimates them. */
    readonly memory?: number;
    readonly disk?: number;
    readonly threads?: number;
  };
}

/** For workers of those who write the plans themselves. */
export const unlimited: Permissions = { commands: true, most: {} };

/** Refuses a stage that asks for more than this worker gives. @throws BadInput, so that the stage parks */
export function checkPermitted({ commands, most }: Permissions, kind: Kind, { stage, with: config }: StageInput): void {
  if (kind.runsAs === 'program' && !commands) throw commandRefused(stage, 'retry the stage');
  const cost = most.memory === undefined && most.disk === undefined ? null : kind.costOf(config);
  const { threads } = config;
  const asked = [
    { what: 'of memory', limit: most.memory, need: cost?.memory, words: gigabytes, option: '--most-memory' },
    { what: 'of disk', limit: most.disk, need: cost?.disk, words: gigabytes, option: '--most-disk' },
    { what: 'threads', limit: most.threads, need: threads, words: String, option: '--most-threads' },
  ];
  refuse(
    asked.flatMap(({ what, limit, need, words, option }) =>
      limit === undefined || typeof need !== 'number' || need <= limit
        ? []
        : [
            `${stage}: expected a stage that needs at most ${words(limit)} ${what}, got one of ${words(need)}; make it smaller, or start a worker with a larger ${option}`,
          ],
    ),
  );
}

/** What is said where a plan names a program and the worker runs none. */
export function commandRefused(where: string, then: string): BadInput {
  return new BadInput(
    `${where}: expected a worker that runs the programs of plans, got one that does not; start one with --allow-command if you trust everybody who may start runs, then ${then}`,
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toPrecision(3)} GB`;
}
