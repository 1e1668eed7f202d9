import path from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { sha256Of } from '../../artifacts/files.ts';
import type { StageFiles } from '../../artifacts/store.ts';

/** The files of a stage without a manifest or a token: for functions that are tested by themselves. */
export function plainStageFiles(root: string, directory: string): StageFiles {
  return {
    root,
    directory,
    async put(texts) {
      mkdirSync(path.join(root, directory), { recursive: true });
      const references = Object.entries(texts).map(([name, text]) => {
        writeFileSync(path.join(root, directory, name), text);
        return [name, { file: `${directory}/${name}`, sha256: sha256Of(text) }] as const;
      });
      return Object.fromEntries(references);
    },
  };
}
