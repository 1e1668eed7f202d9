import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { existsSync, readdirSync } from 'node:fs';
import { resultsRoot } from '../artifacts/paths.ts';
import { inWords } from './failure.ts';
import { release } from '../runtime/layout.ts';

/** Adds a verb's arguments, options and action to its command. Every verb's file exports one as `define`. */
type Define = (command: Command) => void;

/** Every verb with what it does and how it is loaded. */
export type Verbs = Readonly<Record<string, readonly [description: string, load: () => Promise<{ define: Define }>]>>;

const steer = (): Promise<{ define: Define }> => import('./steer.ts');

// A verb's file is loaded only when that verb is asked for: `nas --help` needs none of them.
export const VERBS: Verbs = {
  init: ['write a pipeline with its configs into a folder of your own', () => import('./init.ts')],
  setup: ['install what npm cannot: the Temporal server and TensorFlow (--device gpu)', () => import('./setup.ts')],
  up: ['start a server and workers here, until Ctrl-C', () => import('./up.ts')],
  worker: ['start workers for a server that runs already', () => import('./worker.ts')],
  quickstart: ['run pipelines/quickstart.yml from server to summary', () => import('./quickstart.ts')],
  plan: ['check a pipeline and show what it would do', () => import('./plan.ts')],
  start: ['start a pipeline, or attach to the run that has its id', () => import('./start.ts')],
  list: ['list the runs of the server and of the results folder', () => import('./list.ts')],
  deploy: ['upgrade workers while runs are open: status, current, ramp, drain', () => import('./deploy.ts')],
  server: ['prepare a server of your own: register', () => import('./register.ts')],
  schedule: [
    'start a pipeline again and again: create, list, pause, resume, run, delete',
    () => import('./schedule.ts'),
  ],
  watch: ['follow a run until it ends', () => import('./watch.ts')],
  status: ['show every stage of a run', () => import('./status.ts')],
  logs: ['show what the processes of a run have written', () => import('./logs.ts')],
  open: ['open the page of a run in a browser', () => import('./open.ts')],
  select: ['choose the epoch that a stage passes on', steer],
  retry: ['try a parked stage again', steer],
  skip: ['go on without a parked stage', steer],
  abort: ['give a parked stage up, and with it the run', steer],
  pause: ['start no further stages', steer],
  resume: ['go on after a pause', steer],
  cancel: ['checkpoint what runs, then end the run', steer],
  ui: ['show all runs in a browser, live, with buttons to steer them', () => import('./ui.ts')],
  report: ['print the summary of a run', () => import('./report.ts')],
  compare: ['show how runs differ: settings, taus with paired differences, time', () => import('./compare.ts')],
  top: ['show the best subnets of a ranking, under limits or as a Pareto front', () => import('./top.ts')],
  export: ['write a subnet as a network of its own: safetensors and ONNX', () => import('./export.ts')],
  predict: ['classify pictures with a subnet', () => import('./predict.ts')],
  pull: ['bring a run, or a part of one, out of the store into a folder', () => import('./pull.ts')],
  clean: ['tell what takes room that no result needs, and free it', () => import('./clean.ts')],
  explain: ['show what a result was made of, and check every file of it', () => import('./explain.ts')],
  'verify-resume': ['run a pipeline with and without kills, and compare every bit', () => import('./verify-resume.ts')],
  'check-upgrade': ['replay the open runs of a server on this code', () => import('./check-upgrade.ts')],
  data: ['prepare a data set of image files', () => import('./data.ts')],
  draw: ['draw subnets of a space, for a ground truth or a ranking', () => import('./draw.ts')],
  completion: ['print what makes a shell complete verbs, runs and stages', () => import('./completion.ts')],
  doctor: ['check what a run needs here', () => import('./doctor.ts')],
};

/** Runs the command line; sets the exit code: 0, 1 (failed), 2 (bad input). */
export async function main(argv: readonly string[]): Promise<void> {
  // A reader that went away (`nas status X | head`, a closed terminal) is no reason to end in the middle of something.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  // What a shell asks, and nobody says.
  if (argv[0] === 'complete') return await sayCompletions(argv.slice(2));
  const program = new Command('nas')
    .description('Few-shot neural architecture search as one durable workflow.')
    .version(release())
    .exitOverride()
    .showHelpAfterError('(`nas --help` lists the verbs, `nas <verb> --help` their options)');
  const asked = argv.find((argument) => Object.hasOwn(VERBS, argument));
  sayWhereResultsAre();
  try {
    for (const [name, [description, load]] of Object.entries(VERBS)) {
      const command = program.command(name).description(description);
      if (name === asked) (await load()).define(command);
    }
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else complain(error, argv.includes('--json'));
  }
}

async function sayCompletions(words: readonly string[]): Promise<void> {
  const { complete } = await import('./complete.ts');
  // An error must not show up in the middle of somebody's line.
  const found = await complete(VERBS, words).catch((): string[] => []);
  process.stdout.write(found.map((word) => `${word}\n`).join(''));
}

// Version 0.1.0 kept results in `results` of the folder that a command was given in.
function sayWhereResultsAre(): void {
  const here = path.resolve('results');
  if (process.env['NAS_RESULTS'] || here === resultsRoot() || !existsSync(here)) return;
  const isRun = (run: string): boolean =>
    readdirSync(path.join(here, run)).some((stage) => existsSync(path.join(here, run, stage, 'manifest.json')));
  const runs = readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory() && isRun(entry.name));
  if (runs.length === 0) return;
  process.stderr.write(
    `note: results are read from ${resultsRoot()}, not from ${here}, which version 0.1.0 would have used; NAS_RESULTS=${here} names that\n`,
  );
}

function complain(error: unknown, json: boolean): void {
  const { message, ...rest } = inWords(error);
  if (json) process.stdout.write(`${JSON.stringify({ error: message, ...rest }, null, 2)}\n`);
  else process.stderr.write(`${message}\n`);
  if (process.env['NAS_DEBUG'] === '1') console.error(error);
  process.exitCode = rest.exitCode;
}
