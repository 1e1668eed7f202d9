import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { Permissions } from '../activities/permissions.ts';
import { isS3, resultsRoot, storeCache } from '../artifacts/paths.ts';
import { positiveNumber, positiveWhole } from './options.ts';
import type { Place } from './server.ts';
import { Room, usualLeast } from '../workers/room.ts';
import type { Address } from '../workers/status-page.ts';

/** The options that `nas worker` and `nas up` share: what plans may ask, when work is taken, how the workers are watched. */

export interface WorkerFlags {
  readonly allowCommand?: true;
  /** GB. */
  readonly mostMemory?: number;
  readonly mostDisk?: number;
  readonly mostThreads?: number;
  readonly leastMemory?: number;
  readonly leastDisk?: number;
  readonly metrics?: Address;
  readonly logFormat?: 'text' | 'json';
}

export function defineForWorkers(command: Command): Command {
  return command
    .option(
      '--allow-command',
      'run the programs that plans name; on without it where the server is the one of this clone',
    )
    .option('--most-memory <GB>', 'refuse stages that need more memory, by their config', positiveNumber)
    .option('--most-disk <GB>', 'refuse stages whose results need more disk, by their config', positiveNumber)
    .option('--most-threads <n>', 'refuse stages that ask for more threads', positiveWhole)
    .option('--least-memory <GB>', 'take no work while less memory is free; 0.25 if not said', positiveNumber)
    .option('--least-disk <GB>', 'take no work while less disk is free for results; 1 if not said', positiveNumber)
    .option('--metrics <address>', 'serve /metrics, /healthz and /readyz there, such as 127.0.0.1:9464', addressOf)
    .addOption(new Option('--log-format <format>', 'how warnings are written').choices(['text', 'json']));
}

/** Parses `9464`, `:9464`, `0.0.0.0:9464`, `[::1]:9464`. Without a host this machine alone is served. */
export function addressOf(text: string): Address {
  const [, host = '', port = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(text) ?? [];
  if (!(Number(port) >= 1 && Number(port) <= 65_535))
    throw new InvalidArgumentError('expected a port, alone or as host:port.');
  return { host: host.replaceAll(/[[\]]/g, '') || '127.0.0.1', port: Number(port) };
}

/** Whoever reaches a server of a team's may be anybody; the one of this clone is reached from this machine alone. */
export function permissionsIn(
  { allowCommand, mostMemory, mostDisk, mostThreads }: WorkerFlags,
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

/** @param say told when there is no room for more work, and when there is again */
export function roomIn({ leastMemory, leastDisk }: WorkerFlags, say: (line: string) => void): Room {
  const folder = isS3(resultsRoot()) ? storeCache() : resultsRoot();
  const memory = leastMemory === undefined ? usualLeast.memory : leastMemory * 1e9;
  const disk = leastDisk === undefined ? usualLeast.disk : leastDisk * 1e9;
  return new Room(folder, { memory, disk }, say);
}
