import pc from 'picocolors';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, interruption } from './failure.ts';
import { jsonOption, output, wholeNumber } from './options.ts';
import { withServer } from './server.ts';
import type { Server } from './server.ts';
import { columns } from './view/format.ts';
import { buildsOf, makeCurrent, ramp } from '../workers/versions.ts';
import type { BuildStatus, Version } from '../workers/versions.ts';

/** `nas deploy`: which version of the workers new runs begin on, while open runs end on theirs. */

interface Options {
  readonly json?: true;
}

const LOOK_EVERY_MS = 5000;

export function define(command: Command): void {
  const verb = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .argument('<deployment>', 'what `nas worker --deployment` says')
      .addOption(jsonOption());
  verb('status', 'list the builds of a deployment, and how many open runs are on each').action(status);
  verb('current', 'let new runs begin on that build').argument('<build>', 'one of `nas deploy status`').action(current);
  verb('ramp', 'let some of the new runs begin on that build')
    .argument('<build>', 'one of `nas deploy status`')
    .requiredOption('--percent <0..100>', 'how many of a hundred', percentage)
    .action(rampUp);
  verb('drain', 'wait until no open run is left on that build: then its workers can be ended')
    .argument('<build>', 'one of `nas deploy status`')
    .action(drain);
}

function percentage(text: string): number {
  const value = wholeNumber(text);
  if (value <= 100) return value;
  throw new InvalidArgumentError('expected 0 to 100.');
}

async function status(deployment: string, { json }: Options): Promise<void> {
  await withServer(async ({ client }) => {
    const builds = await buildsOf(client, deployment);
    output(json, { deployment, builds }, () => (builds.length === 0 ? noneOf(deployment) : table(builds)));
  });
}

async function current(deployment: string, build: string, { json }: Options): Promise<void> {
  await change({ deployment, build }, json, async ({ client }) => await makeCurrent(client, { deployment, build }));
}

async function rampUp(
  deployment: string,
  build: string,
  options: Options & { readonly percent: number },
): Promise<void> {
  const { json, percent } = options;
  await change({ deployment, build }, json, async ({ client }) => await ramp(client, { deployment, build }, percent));
}

async function change(
  { deployment, build }: Version,
  json: true | undefined,
  act: (server: Server) => Promise<void>,
): Promise<void> {
  await withServer(async (server) => {
    await found(server, { deployment, build });
    await act(server).catch((error: unknown) => {
      throw refusal(deployment, error);
    });
    const builds = await buildsOf(server.client, deployment);
    output(json, { deployment, builds }, () => table(builds));
  });
}

async function drain(deployment: string, build: string, { json }: Options): Promise<void> {
  const signal = interruption();
  await withServer(async (server) => {
    let told = -1;
    for (;;) {
      const { state, openRuns } = await found(server, { deployment, build });
      if (state === 'current' || state === 'ramping') {
        throw new Failure(
          `nas deploy drain: expected a build that no new runs begin on, got ${build}, which is ${state}; make another one current first`,
          2,
        );
      }
      if (openRuns === 0) break;
      if (json !== true && openRuns !== told) process.stdout.write(`${openRuns} open runs are on ${build}\n`);
      told = openRuns;
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
    output(json, { deployment, build, openRuns: 0 }, () => `${build}: no open run is left; its workers can be ended`);
  });
}

async function found({ client }: Server, { deployment, build }: Version): Promise<BuildStatus> {
  const builds = await buildsOf(client, deployment);
  const one = builds.find((candidate) => candidate.build === build);
  if (one !== undefined) return one;
  const known = builds.length === 0 ? noneOf(deployment) : `known are ${builds.map((each) => each.build).join(', ')}`;
  throw new Failure(`nas deploy: expected a build of ${deployment}, got ${build}; ${known}`, 2);
}

function noneOf(deployment: string): string {
  return `no worker of ${deployment} has been seen; start one with \`nas worker --deployment ${deployment}\``;
}

// What the server says of builds is for people, such as queues that the new build does not serve.
function refusal(deployment: string, error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'Error' || !('details' in error)) return error;
  return new Failure(`nas deploy: ${deployment}: ${String(error.details)}`, 1, { cause: error });
}

function table(builds: readonly BuildStatus[]): string {
  const head = ['build', 'state', 'open runs'].map((title) => pc.dim(title));
  const rows = builds.map(({ build, state, percent, openRuns }) => [
    build,
    percent === null ? state : `${state}, ${percent} %`,
    `${openRuns}`,
  ]);
  return columns([head, ...rows]).join('\n');
}
