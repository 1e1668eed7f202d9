import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { load } from 'js-yaml';
import { checkRunId } from '../artifacts/paths.ts';
import { Failure } from './failure.ts';
import { collected, jsonOption, positiveWhole } from './options.ts';
import { loadPipeline } from '../pipelines/compile.ts';
import { kinds } from '../pipelines/kinds/catalogue.ts';
import { parseSettings } from '../pipelines/layers.ts';
import { Notify } from '../pipelines/schema.ts';
import { PipelineError } from '../pipelines/problems.ts';
import { changedWords } from '../pipelines/words.ts';
import { valueAt } from '../plan/json.ts';
import type { Json } from '../plan/json.ts';
import { parseActivityId } from '../plan/names.ts';
import type { Plan, PlanReuse } from '../plan/plan.ts';

export interface LoadOptions {
  readonly id?: string;
  readonly set?: readonly string[];
  readonly fresh?: true;
  readonly fromRun?: string;
  readonly fromStage?: string;
  readonly priority?: number;
  readonly fairnessKey?: string;
  readonly json?: true;
}

/** Adds what the verbs that load a pipeline share. */
export function defineForPipeline(command: Command, made: 'run' | 'schedule' = 'run'): Command {
  return command
    .option(`--id <${made}>`, `id of the ${made}; the name of the pipeline where absent`)
    .option(
      '--set <key=value>',
      'change a param, with.<key> of all stages, or stages.<id>.with.<key>; repeatable',
      collected,
    )
    .option('--fresh', 'take no work over from other runs')
    .option('--from-run <run>', 'take what comes before --from-stage from that run, as it is')
    .option('--from-stage <stage>', 'the first stage to run anew, with all that need it')
    .option(
      '--priority <1..5>',
      'before whose work its own goes where both wait for a worker: 1 first, 3 by itself',
      level,
    )
    .option('--fairness-key <name>', 'a team, say, which shares the workers with others')
    .addOption(jsonOption());
}

/** Loads a pipeline as the options say. Throws PipelineError, or Failure (exit code 2) for options that do not fit. */
export function loadPlan(file: string, options: LoadOptions): Plan {
  const { id, set } = options;
  const plan = loadPipeline(file, { ...(id === undefined ? {} : { id }), ...(set === undefined ? {} : { set }) });
  const reuse = reuseIn(plan, options);
  const notify = plan.notify ?? usualNotify();
  const priority = priorityIn(plan, options);
  return {
    ...plan,
    ...(reuse === undefined ? {} : { reuse }),
    ...(notify === undefined ? {} : { notify }),
    ...(priority === undefined ? {} : { priority }),
  };
}

function level(text: string): number {
  const value = positiveWhole(text);
  if (value <= 5) return value;
  throw new InvalidArgumentError('expected 1 to 5.');
}

/** What the command says wins over what the pipeline says. */
function priorityIn({ priority: own }: Plan, { priority, fairnessKey }: LoadOptions): Plan['priority'] {
  const said = {
    ...(priority === undefined ? {} : { priorityKey: priority }),
    ...(fairnessKey === undefined ? {} : { fairnessKey }),
  };
  return Object.keys(said).length === 0 ? own : { ...own, ...said };
}

/** Who is told of runs whose pipeline does not say it: `notify:` as YAML in NAS_NOTIFY. */
function usualNotify(): Plan['notify'] {
  const text = process.env['NAS_NOTIFY'];
  if (!text) return undefined;
  const parsed = Notify.safeParse(valueOf(text));
  if (parsed.success) return parsed.data;
  throw new Failure(
    `NAS_NOTIFY: expected what \`notify:\` of a pipeline may hold, such as {webhook: SLACK_WEBHOOK}, got ${JSON.stringify(text)}; correct it`,
    2,
  );
}

function valueOf(text: string): unknown {
  try {
    return load(text);
  } catch {
    return text;
  }
}

function reuseIn({ id, stages }: Plan, { fresh, fromRun, fromStage }: LoadOptions): PlanReuse | undefined {
  if (fromRun === undefined && fromStage === undefined) return fresh === true ? 'nothing' : undefined;
  if (fresh === true || fromRun === undefined || fromStage === undefined) {
    const got = fresh === true ? 'them with --fresh' : 'one of them';
    throw new Failure(`--from-run, --from-stage: expected both of them, got ${got}; correct the options`, 2);
  }
  if (!stages.some((stage) => stage.id === fromStage)) {
    const known = stages.map((stage) => stage.id).join(', ');
    throw new Failure(`--from-stage: expected one of ${known}, got ${fromStage}; correct the option`, 2);
  }
  if (checkRunId(fromRun) === id) {
    throw new Failure(`--from-run: expected another run than ${id} itself, got it; give the new run another --id`, 2);
  }
  return { run: fromRun, stage: fromStage };
}

/**
 * What `nas retry RUN WORK --set KEY=VALUE` puts into the \`with\` of a stage, read as \`nas start --set\` reads it.
 * @throws PipelineError for flags that cannot be read, and for a word for a program that is not in quotes
 */
export function retrySettings({ stages }: Plan, work: string, flags: readonly string[]): Record<string, Json> {
  const { stage } = parseActivityId(work);
  const { problems, layers } = parseSettings(flags.map((flag) => `stages.${stage}.with.${flag}`));
  const kind = kinds.get(stages.find(({ id }) => id === stage)?.uses ?? '');
  const read = layers.get(stage) ?? [];
  const changed = kind === undefined ? [] : read.flatMap((layer) => changedWords(layer, kind.schema, () => null, []));
  if (problems.length + changed.length > 0) throw new PipelineError([...problems, ...changed]);
  const keys = flags.map((flag) => flag.slice(0, flag.indexOf('=')).trim());
  return Object.fromEntries(keys.map((key, at) => [key, valueAt(read[at]?.value ?? null, key.split('.')) ?? null]));
}
