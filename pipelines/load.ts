/** A pipeline file → a plan, or every error in it at once. */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { checkRunId, PathError } from '../artifacts/paths.ts';
import { compilePipeline } from './compile.ts';
import { PROJECT_ROOT } from './files.ts';
import { Project } from './names.ts';
import type { Plan } from './plan.ts';
import { LARGEST_BYTES, readYaml } from './positions.ts';
import { PipelineError, problem } from './problems.ts';
import { parseSettings } from './settings.ts';

export interface LoadOptions {
  /** Run id; the pipeline's name where absent. */
  readonly id?: string;
  /** `--set` flags, each `key=value`. */
  readonly set?: readonly string[];
  /** The folder that configs/ and all files that a pipeline names lie below. */
  readonly root?: string;
}

/**
 * Loads a pipeline file. Nothing is started and no server is asked.
 * @param file path relative to the current folder, or absolute
 * @throws PipelineError with everything that is wrong, each with file:line:column and a remedy
 */
export function loadPipeline(file: string, { id, set = [], root = PROJECT_ROOT }: LoadOptions = {}): Plan {
  const shown = shownPath(file, root);
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.size > LARGEST_BYTES) {
    const got = !stats ? 'no file' : stats.isFile() ? `${stats.size} bytes` : 'no regular file';
    throw new PipelineError([
      problem({ source: shown }, [], `expected a pipeline file of at most 1 MiB, got ${got}; correct the path`),
    ]);
  }
  const settings = parseSettings(set);
  const { source, problems } = readYaml(shown, readFileSync(file, 'utf8'));
  const idProblems = id === undefined ? [] : wrongId(id);
  const compiled = source
    ? compilePipeline(source, { project: new Project(root), id: id ?? null, settings, files: [shown], deferred: {} })
    : null;
  const all = [...settings.problems, ...idProblems, ...problems, ...(compiled?.problems ?? [])];
  if (all.length > 0 || !compiled?.plan) throw new PipelineError(all);
  return compiled.plan;
}

/** Relative to the project where it lies in it: so a plan is the same wherever the command was given. */
function shownPath(file: string, root: string): string {
  const relative = path.relative(root, path.resolve(file));
  return relative.startsWith('..') || path.isAbsolute(relative) ? file : relative.split(path.sep).join('/');
}

function wrongId(id: string): ReturnType<typeof problem>[] {
  try {
    checkRunId(id);
    return [];
  } catch (error) {
    if (!(error instanceof PathError)) throw error;
    return [problem({ source: '--id' }, [], error.message.replace(/^run id: /, ''))];
  }
}
