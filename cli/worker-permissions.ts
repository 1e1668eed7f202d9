import type { Command } from 'commander';
import type { Permissions } from '../activities/permissions.ts';
import { positiveNumber, positiveWhole } from './options.ts';
import type { Place } from './server.ts';

/** What those who start workers let plans ask of them: the options of `nas worker` and `nas up`. */

export interface PermissionOptions {
  readonly allowCommand?: true;
  /** GB. */
  readonly mostMemory?: number;
  readonly mostDisk?: number;
  readonly mostThreads?: number;
}

export function definePermissions(command: Command): Command {
  return command
    .option(
      '--allow-command',
      'run the programs that plans name; on without it where the server is the one of this clone',
    )
    .option('--most-memory <GB>', 'refuse stages that need more memory, by their config', positiveNumber)
    .option('--most-disk <GB>', 'refuse stages whose results need more disk, by their config', positiveNumber)
    .option('--most-threads <n>', 'refuse stages that ask for more threads', positiveWhole);
}

/** Whoever reaches a server of a team's may be anybody; the one of this clone is reached from this machine alone. */
export function permissionsIn(
  { allowCommand, mostMemory, mostDisk, mostThreads }: PermissionOptions,
  { isEmbedded }: Pick<Place, 'isEmbedded'>,
): Permissions {
  return {
    commands: isEmbedded || allowCommand === true,
    most: {
      ...(mostMemory === undefined ? {} : { memory: mostMemory * 1e9 }),
      ...(mostDisk === undefined ? {} : { disk: mostDisk * 1e9 }),
      ...(mostThreads === undefined ? {} : { threads: mostThreads }),
    },
  };
}
