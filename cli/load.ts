import type { Command } from 'commander';
import { collected } from './arguments.ts';
import { jsonOption } from './output.ts';

export interface LoadOptions {
  readonly id?: string;
  readonly set?: readonly string[];
  readonly json?: true;
}

/** Adds what the verbs that load a pipeline share: `--id`, `--set`, `--json`. */
export function defineForPipeline(command: Command): Command {
  return command
    .option('--id <run>', 'id of the run; the name of the pipeline where absent')
    .option('--set <key=value>', 'change a param, or stages.<id>.with.<key>; repeatable', collected)
    .addOption(jsonOption());
}
