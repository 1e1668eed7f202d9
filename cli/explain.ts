import type { Command } from 'commander';
import { resultsRoot } from '../artifacts/paths.ts';
import { lineageOf, lineageTree } from './lineage.ts';
import { jsonOption, output } from './options.ts';
import { many } from '../report/format.ts';

export function define(command: Command): void {
  command
    .argument('<result>', 'a result file, a stage (<run>/<stage>) or a run')
    .addOption(jsonOption())
    .action(async (result: string, { json }: { json?: true }) => {
      const lineage = await lineageOf(resultsRoot(), result);
      const stages = [...lineage.stages.values()];
      const links = [...lineage.files, ...stages.flatMap(({ inputs }) => inputs)];
      const wrong = links.filter(({ found }) => found !== 'the same');
      if (wrong.length > 0) process.exitCode = 1;
      output(json, { ok: wrong.length === 0, files: lineage.files, stages }, () => {
        const end =
          wrong.length === 0
            ? `${many(links.length, 'file')} checked, each is what it was`
            : `${many(links.length, 'file')} checked, ${wrong.length} not what it was: run the stages that made them anew`;
        return `${lineageTree(lineage)}\n\n${end}`;
      });
    });
}
