import path from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadPipeline } from '../../pipelines/compile.ts';
import type { LoadOptions } from '../../pipelines/compile.ts';
import { PipelineError } from '../../pipelines/problems.ts';
import type { Plan } from '../../plan/plan.ts';
import { temporaryFolder } from './temporary-folder.ts';

// Pipeline files that a test writes itself.

/** Loads a pipeline of this text; with `files` the project is a folder of them, else this repository. */
export function planOf(text: string, options: LoadOptions = {}, files?: Readonly<Record<string, string>>): Plan {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries({ ...files, 'p.yml': text })) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  try {
    return loadPipeline(path.join(folder, 'p.yml'), { ...options, ...(files === undefined ? {} : { root: folder }) });
  } catch (error) {
    if (error instanceof PipelineError) error.message = error.message.replaceAll(`${folder}/`, '');
    throw error;
  }
}

/** The lines of what is wrong with it, the file called p.yml; none for a pipeline that loads. */
export function problemsOf(...[text, options, files]: Parameters<typeof planOf>): string[] {
  try {
    planOf(text, options, files);
    return [];
  } catch (error) {
    if (error instanceof PipelineError) return error.message.split('\n');
    throw error;
  }
}
