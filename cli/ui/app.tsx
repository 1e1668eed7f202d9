import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hono } from 'hono';
import { raw } from 'hono/html';
import { HTTPException } from 'hono/http-exception';
import { streamSSE } from 'hono/streaming';
import type { Context } from 'hono';
import type { Child } from 'hono/jsx';
import type { Guard } from './guard.ts';
import { listedRuns, liveFacts } from './live.ts';
import { obey, orders } from './orders.ts';
import { Views } from './views.ts';
import { checkRunId } from '../../artifacts/paths.ts';
import { inWords } from '../failure.ts';
import type { Server } from '../server.ts';
import { compareParts } from '../../pages/compare-page.tsx';
import { readFacts } from '../../pages/facts.ts';
import { page } from '../../pages/page.tsx';
import type { Part } from '../../pages/page.tsx';
import { runParts } from '../../pages/run-page.tsx';
import { runsParts } from '../../pages/runs-page.tsx';
import { Asked, Controls } from '../../pages/steering.tsx';
import { compareRuns } from '../../report/compare.ts';

interface Served {
  /** Null where only the results folder is looked at. */
  readonly server: Server | null;
  /** The results root. */
  readonly root: string;
  readonly guard: Guard;
  readonly isReadOnly: boolean;
}

const MOST_COMPARED = 8;

/** The pages of all runs, live, and what changes a run. */
export function uiApp(served: Served): Hono {
  const { root, guard, isReadOnly } = served;
  const views = new Views();
  const app = new Hono();
  app.use(guard.reading);

  const list = async (): Promise<Part[]> => runsParts(await listedRuns(served.server, root), rounded(Date.now()));
  const ofRun = (run: string) => async (): Promise<Part[]> => await partsOf(served, run);

  app.get('/', async (context) => await shown(context, 'Runs · fewshot-nas', views, '', list));
  app.get('/changes', (context) => changes(context, views, '', list));
  app.get('/runs/:run', async (context) => {
    const run = checkRunId(context.req.param('run'));
    return await shown(context, `${run} · fewshot-nas`, views, run, ofRun(run), <a href="/">All runs</a>);
  });
  app.get('/runs/:run/changes', (context) => {
    const run = checkRunId(context.req.param('run'));
    return changes(context, views, run, ofRun(run));
  });
  app.get('/compare', async (context) => {
    const runs = [...new Set(context.req.queries('run') ?? [])].slice(0, MOST_COMPARED).map(checkRunId);
    if (runs.length < 2)
      throw new HTTPException(400, { message: 'mark two runs or more in the list, to compare them' });
    const compared = await compareRuns(root, runs);
    const title = `${runs.join(', ')} · fewshot-nas`;
    return context.html(page({ title, parts: compareParts(compared), crumbs: <a href="/">All runs</a> }));
  });

  for (const order of orders) {
    app.post(`/runs/:run/${order}`, guard.changing, async (context) => {
      const run = checkRunId(context.req.param('run'));
      if (isReadOnly) throw new HTTPException(403, { message: 'this server was started with --read-only' });
      if (served.server === null) throw new HTTPException(409, { message: 'there is no server of runs to tell it to' });
      await obey(served.server, run, order, await context.req.parseBody());
      views.renew(run);
      return context.redirect(`/runs/${run}`, 303);
    });
  }

  app.notFound((context) => context.html(problemPage('There is no such page.'), 404));
  app.onError((error, context) => {
    const status = error instanceof HTTPException ? error.status : inWords(error).exitCode === 2 ? 422 : 500;
    return context.html(problemPage(error instanceof HTTPException ? error.message : inWords(error).message), status);
  });
  return app;
}

async function partsOf({ server, root, guard, isReadOnly }: Served, run: string): Promise<Part[]> {
  const { live, trouble } = await liveFacts(server, run);
  const facts = { ...(await readFacts(root, run, live === null ? {} : { live })), takenAt: rounded(Date.now()) };
  if (live === null) return runParts(facts, { controls: trouble === null ? null : <p class="note">{trouble}</p> });
  const token = isReadOnly ? null : guard.token;
  return runParts(facts, {
    controls: token === null ? null : <Controls run={run} token={token} live={live} />,
    asked: <Asked run={run} token={token} who={userInfo().username} live={live} />,
  });
}

const STEP_MS = 10_000;

// A clock that ticks every second would have every part that tells a time drawn and sent each second.
function rounded(now: number): number {
  return Math.floor(now / STEP_MS) * STEP_MS;
}

type Make = () => Promise<readonly Part[]>;

async function shown(context: Context, title: string, views: Views, name: string, make: Make, crumbs?: Child) {
  const drawn = await views.current(name, make);
  const since = Math.max(...drawn.map(({ changedAt }) => changedAt));
  const changesAt = `${name === '' ? '' : `/runs/${name}`}/changes?since=${since}`;
  const parts = drawn.map(({ id, html }) => ({ id, content: raw(html) }));
  return context.html(page({ title, parts, crumbs, changes: changesAt }));
}

/** Sends the parts of a page that change, from the moment on that the page is of, until nobody listens any more. */
function changes(context: Context, views: Views, name: string, make: Make) {
  let since = Number(context.req.header('last-event-id') ?? context.req.query('since') ?? 0) || 0;
  return streamSSE(context, async (stream) => {
    while (!stream.aborted && !stream.closed) {
      const drawn = await views.current(name, make).catch((error: unknown) => {
        console.error(inWords(error).message);
        return [];
      });
      for (const { id, html, changedAt } of drawn.filter((part) => part.changedAt > since)) {
        await stream.writeSSE({ event: 'part', id: String(changedAt), data: JSON.stringify({ id, html }) });
      }
      since = Math.max(since, ...drawn.map(({ changedAt }) => changedAt));
      await sleep(1000);
    }
  });
}

function problemPage(message: string): string {
  const content = (
    <header>
      <h1>That did not work</h1>
      <pre class="error">{message}</pre>
    </header>
  );
  return page({ title: 'fewshot-nas', parts: [{ id: 'head', content }], crumbs: <a href="/">All runs</a> });
}
