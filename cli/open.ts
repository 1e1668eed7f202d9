import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import { catalogue } from '../artifacts/catalogue.ts';
import { checkRunId, resultsRoot } from '../artifacts/paths.ts';
import { openablePath } from '../artifacts/results.ts';
import { Failure } from './failure.ts';
import { defineForRun, output } from './options.ts';
import { withServer } from './server.ts';

/** Within it `xdg-open` has said that it knows no browser. */
const BROWSER_MS = 2000;

interface Options {
  readonly temporal?: true;
  readonly print?: true;
  readonly json?: true;
}

export function define(command: Command): void {
  defineForRun(command)
    .option('--temporal', 'the page of the Temporal UI, though the run has a report of its own')
    .option('--print', 'only print the address')
    .action(open);
}

/** Opens the report that a run has written as a page, else its page in the Temporal UI. */
async function open(run: string, { temporal, print, json }: Options): Promise<void> {
  const page = temporal === true ? null : await reportPage(checkRunId(run));
  const address = page ?? (await withServer(async (server) => server.uiOf(run)));
  if (address === null) {
    throw new Failure(
      `run ${run}: expected the address of the Temporal UI in NAS_UI, got none; set it, as only the embedded server tells its own`,
    );
  }
  const isOpened = print !== true && json !== true && (await openInBrowser(address));
  output(json, { run, address }, () => (isOpened ? `opened ${address}` : address));
}

/** The newest page among the results of a run. */
async function reportPage(run: string): Promise<string | null> {
  const stages = await catalogue(resultsRoot(), run);
  const pages = stages.flatMap(({ manifest }) =>
    [...manifest.files, ...manifest.extras].filter(({ file }) => file.endsWith('.html')),
  );
  const last = pages.at(-1);
  return last === undefined ? null : `file://${await openablePath(resultsRoot(), last)}`;
}

/** False where there is no browser to be found: whoever asked gets the address all the same. */
async function openInBrowser(address: string): Promise<boolean> {
  const child = spawn(process.platform === 'darwin' ? 'open' : 'xdg-open', [address], {
    stdio: 'ignore',
    detached: true,
  });
  try {
    const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(BROWSER_MS) });
    return code === 0;
  } catch (error) {
    // What is still there has become the browser.
    return error instanceof Error && error.name === 'AbortError';
  } finally {
    child.unref();
  }
}
