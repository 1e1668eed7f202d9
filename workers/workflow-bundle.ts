import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { z } from 'zod';
import { keep, kept } from '../runtime/cache.ts';
import { programFile } from '../runtime/layout.ts';

const ENTRY = 'workflows/pipeline.ts';
const FILE = 'workflows.json';
const Kept = z.object({ made: z.string(), code: z.string() });

let bundle: Promise<{ code: string }> | undefined;

/**
 * Options of a worker: the workflow code, and how long a step of it may take. Bundling takes seconds, so the bundle is kept until the
 * code that goes into it changes.
 */
export async function workflowCode() {
  bundle ??= keptOrMade();
  // After five seconds the SDK would stop a step in its middle, which a busy machine exceeds; Node.js may end the whole process then
  // ("async hook stack has become corrupted"). Temporal's own ten seconds are enough. The SDK's types lack the option.
  return { workflowBundle: await bundle, isolateExecutionTimeout: '5 minutes' };
}

async function keptOrMade(): Promise<{ code: string }> {
  const program = programFile(ENTRY);
  const made = await hashOfWorkflows();
  const last = Kept.safeParse(await kept(FILE)).data;
  if (last?.made === made) return { code: last.code };
  const { code } = await bundleWorkflowCode({
    workflowsPath: program,
    // The bundler has nothing to say to users when it works.
    logger: { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: console.warn, error: console.error },
  });
  await keep(FILE, { made, code });
  return { code };
}

/** Of all that is bundled: workflows, what they stand on, and Temporal's own part. */
export async function hashOfWorkflows(): Promise<string> {
  const workflows = path.dirname(programFile(ENTRY));
  const hash = createHash('sha256');
  const { version }: { version: string } = createRequire(import.meta.url)('@temporalio/workflow/package.json');
  hash.update(version);
  for (const folder of [workflows, path.join(workflows, '../plan')]) {
    for (const name of (await readdir(folder, { recursive: true })).toSorted()) {
      if (name.endsWith('.js')) hash.update(`\n${name}\n`).update(await readFile(path.join(folder, name)));
    }
  }
  return hash.digest('hex');
}

function ignore(): void {}
