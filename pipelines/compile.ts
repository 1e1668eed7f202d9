import path from 'node:path';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { checkRunId, PathError } from '../artifacts/paths.ts';
import { directoryProblems } from './cells.ts';
import { checkedGraph } from './graph.ts';
import { shaped } from './issues.ts';
import type { Shaped } from './issues.ts';
import { layersOf, merged, parseSettings, sharedLayers, sourceLayer } from './layers.ts';
import type { Given, Settings } from './layers.ts';
import { wrongIn } from './links.ts';
import type { Sight } from './links.ts';
import { idleParams, paramsOf, paramValue } from './params.ts';
import { nearest, PipelineError, problem } from './problems.ts';
import type { Place, Problem, Report } from './problems.ts';
import { Project } from './project.ts';
import { PipelineFile, StageFile } from './schema.ts';
import { compileStage } from './stage.ts';
import type { SubPlan, SubRequest } from './with.ts';
import { changedWords } from './words.ts';
import type { ParamValue } from './words.ts';
import { LARGEST_BYTES, readYaml } from './yaml.ts';
import type { Source } from './yaml.ts';
import { isObject, valueAt } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';
import type { Plan, PlanStage } from '../plan/plan.ts';
import { ExpressionError, references, resolve } from '../plan/references.ts';
import type { Reference } from '../plan/references.ts';

/** A pipeline file → a plan, or every error in it at once. */

export interface LoadOptions {
  /** Run id; the pipeline's name where absent. */
  readonly id?: string;
  /** `--set` flags, each `key=value`. */
  readonly set?: readonly string[];
  /** The folder that configs/ and all files that a pipeline names lie below; the project's where absent. */
  readonly root?: string;
}

/**
 * Loads a pipeline file. Nothing is started and no server is asked.
 * @param named path relative to the current folder or to the project, where shipped ones count too, or absolute
 * @throws PipelineError with everything that is wrong, each with file:line:column and a remedy
 */
export function loadPipeline(named: string, { id, set = [], root }: LoadOptions = {}): Plan {
  const project = root === undefined ? new Project() : new Project([root]);
  // As seen from the current folder; else one of the project, or one that is shipped.
  const file = [named, ...project.roots.map((folder) => path.resolve(folder, named))].find(existsSync) ?? named;
  const shown = shownPath(file, project.roots);
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
    ? compilePipeline(source, { project, id: id ?? null, settings, files: [shown], deferred: {} })
    : null;
  const all = [...settings.problems, ...idProblems, ...problems, ...(compiled?.problems ?? [])];
  if (all.length > 0 || !compiled?.plan) throw new PipelineError(all);
  return set.length === 0 ? compiled.plan : { ...compiled.plan, set: lastOfEach(set) };
}

/** Of flags for the same key the last counts. */
function lastOfEach(set: readonly string[]): string[] {
  const byKey = new Map(set.map((flag) => [flag.slice(0, flag.indexOf('=')).trim(), flag]));
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, flag]) => flag);
}

/** Relative to the project where it lies in it: so a plan is the same wherever the command was given. */
function shownPath(file: string, roots: readonly string[]): string {
  const paths = roots.map((root) => path.relative(root, path.resolve(file)));
  const below = paths.find((relative) => !relative.startsWith('..') && !path.isAbsolute(relative));
  return below === undefined ? file : below.split(path.sep).join('/');
}

function wrongId(id: string): Problem[] {
  try {
    checkRunId(id);
    return [];
  } catch (error) {
    if (!(error instanceof PathError)) throw error;
    return [problem({ source: '--id' }, [], error.message.replace(/^run id: /, ''))];
  }
}

interface Compiling {
  readonly project: Project;
  /** Run id; null: the pipeline's name. */
  readonly id: string | null;
  readonly settings: Settings;
  /** The files on the way here, this one last: a pipeline may not stand inside itself. */
  readonly files: readonly string[];
  /** In a sub-pipeline, the params that only the parent's run decides, as the parent wrote them. */
  readonly deferred: JsonObject;
}

/** One file while it is compiled. */
interface Context extends Compiling {
  readonly source: Source;
  readonly file: PipelineFile;
  /** Those of the file, and over them what was given from outside. */
  readonly params: JsonObject;
  /** Where a param was given from outside. */
  readonly given: (param: string) => Place | undefined;
  readonly paramOf: (reference: Reference) => ParamValue | null;
  readonly report: Report;
}

interface Compiled {
  readonly plan: Plan | null;
  /** Outputs as they could be, by stage. */
  readonly samples: JsonObject;
  readonly problems: readonly Problem[];
}

/** A read pipeline file → a plan: its own shape, its params, then stage by stage in order. The plan is null where there are problems. */
export function compilePipeline(source: Source, compiling: Compiling): Compiled {
  const problems: Problem[] = [];
  const report: Report = (...more) => void problems.push(...more);
  const given = (param: string): Place | undefined => compiling.settings.params.get(param)?.place;
  const where = { written: source, prefix: [], given };
  const file = isObject(source.value)
    ? shaped(PipelineFile, source.value, where, report, { name: 'nameless' })?.value
    : null;
  if (file === null) report(problem(source.place([]), [], 'expected a map with name and stages, got none; write one'));
  if (!file) return { plan: null, samples: {}, problems };
  const params = paramsOf(file, source, compiling.settings, report);
  const paramOf = (reference: Reference): ParamValue | null => paramValue(reference, source, params, compiling);
  const { stages, samples, texts } = compileStages({ ...compiling, source, file, params, given, paramOf, report });
  report(...directoryProblems(stages, (id) => source.place(['stages', id, 'directory'])));
  // Where a name is wrong, the param that it was meant for seems to be of no use.
  if (problems.length === 0) report(...idleParams(file, source, texts));
  const plan: Plan = {
    version: 1,
    name: file.name,
    id: compiling.id ?? file.name,
    source: source.file,
    params: { ...params, ...compiling.deferred },
    stages,
    ...(file.notify === undefined ? {} : { notify: file.notify }),
    ...(file.priority === undefined ? {} : { priority: file.priority }),
    ...(file.keep === undefined ? {} : { keep: file.keep }),
  };
  return { plan: problems.length > 0 ? null : plan, samples, problems };
}

/** All stages that are right, in order; a stage that is wrong is reported, and what refers to it is not held against it. */
function compileStages(context: Context): {
  stages: PlanStage[];
  samples: JsonObject;
  /** All that they were made of, as JSON. */
  texts: readonly string[];
} {
  const { source, file, project, settings, deferred, given, paramOf, report } = context;
  const ids = Object.keys(file.stages);
  const shapes = new Map(ids.map((id) => [id, shapeOf(id, context)]));
  const graph = checkedGraph(new Map(ids.map((id) => [id, shapes.get(id)?.value.needs ?? []])), context);
  const shared = sharedLayers(context, new Set([...shapes.values()].map((shape) => shape?.value.uses ?? '')));
  for (const [id, layers] of settings.layers) {
    if (!ids.includes(id))
      report(...layers.map((layer) => problem(layer.place([]), [], `expected a stage, got ${id}${nearest(id, ids)}`)));
  }
  const outputs = new Map<string, JsonObject>();
  const stages: PlanStage[] = [];
  const texts: string[] = [JSON.stringify(file.stages)];
  for (const id of new Set([...graph.order, ...ids])) {
    const shape = shapes.get(id);
    if (!shape) continue;
    // Where needs are wrong themselves, what comes before is not known.
    const ancestors = shape.wrong.has('needs') ? null : (graph.ancestors.get(id) ?? null);
    const layers = layersOf(id, shape.value, shared, context);
    texts.push(JSON.stringify(merged(layers).value));
    const compiled = compileStage(shape, {
      project,
      layers,
      sight: { stage: id, params: context.params, ids, ancestors, outputs },
      matrixNames: namesIn(valueAt(source.value, ['stages', id, 'matrix'])),
      deferred: new Set(Object.keys(deferred)),
      given,
      paramOf,
      place: (at) => source.place(['stages', id, ...at]),
      subPlan: (request) => subPlan(request, context),
      report,
    });
    if (!compiled) continue;
    outputs.set(id, compiled.samples);
    stages.push(compiled.stage);
  }
  return { stages, samples: Object.fromEntries(outputs), texts };
}

function namesIn(value: Json | undefined): string[] {
  return isObject(value) ? Object.keys(value) : [];
}

/** The shape of one stage, params put in everywhere but in `with` and `if`, which are looked at apart. */
function shapeOf(
  id: string,
  { source, file, params, deferred, given, paramOf, report }: Context,
): Shaped<StageFile> | null {
  const at = ['stages', id];
  const raw = file.stages[id] ?? null;
  if (!isObject(raw)) {
    report(problem(source.place(at), at, 'expected a map with uses, got none; write one'));
    return null;
  }
  const sight: Sight = { stage: id, params, matrix: null, ids: [], ancestors: null, outputs: new Map() };
  const filled: Record<string, Json> = {};
  for (const [key, value] of Object.entries(raw)) {
    const refuse = (message: string): void => report(problem(source.place([...at, key]), [...at, key], message));
    try {
      const isApart = key === 'with' || key === 'if';
      const own = isApart ? [] : references(value).filter(({ scope }) => scope === 'params');
      const wrong = own.flatMap((one) => wrongIn(one, sight) ?? []);
      wrong.forEach(refuse);
      if (wrong.length > 0) continue;
      filled[key] = isApart ? value : resolve(value, { params }, new Set(Object.keys(deferred)));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      refuse(`${error.message}; correct the reference`);
    }
  }
  const written = sourceLayer(source, at);
  const { with: _, if: __, ...options } = written.value;
  report(...changedWords({ ...written, value: options }, StageFile, paramOf, at));
  return shaped(StageFile, filled, { written, prefix: at, given }, report);
}

const DEEPEST = 4;

/** Compiles the file that a stage runs as a sub-pipeline. */
function subPlan({ file, params, sampled, written, place, at }: SubRequest, context: Context): SubPlan | null {
  const { project, files, report, source } = context;
  const chain = [...files, file];
  if (files.includes(file) || chain.length > DEEPEST) {
    const got = files.includes(file) ? 'one inside itself' : `more than ${DEEPEST} inside one another`;
    report(problem(place, at, `expected another pipeline, got ${got} (${chain.join(' runs ')}); take this stage out`));
    return null;
  }
  const found = project.yaml(file, place, at);
  if ('problems' in found) {
    report(...found.problems);
    return null;
  }
  const given = Object.entries(sampled).map(([name, value]): [string, Given] => {
    const key = [...at.slice(0, -1), 'params', name];
    return [name, { value, place: source.place(key), written: (inside) => written([name, ...inside]) }];
  });
  const deferred = Object.fromEntries(
    Object.entries(params).filter(([, value]) => JSON.stringify(value).includes('${{')),
  );
  const settings: Settings = { params: new Map(given), shared: [], layers: new Map(), problems: [] };
  const { plan, samples, problems } = compilePipeline(found.value, {
    project,
    id: context.id,
    settings,
    files: chain,
    deferred,
  });
  report(...problems);
  return plan && { plan, samples };
}
