import type { Server } from '../server.ts';
import { workInWords } from '../view/progress.ts';
import type { LiveFacts } from '../../pages/facts.ts';
import type { ListedRun } from '../../pages/runs-page.tsx';
import { cacheFolder } from '../../runtime/layout.ts';
import { listRuns } from '../../runs/list.ts';
import type { Wait } from '../../runs/list.ts';
import { readRun } from '../../runs/run.ts';

// What the server says of runs, in the words of pages.

interface Asked {
  readonly live: LiveFacts | null;
  /** Why there is nothing live, where that is worth telling. */
  readonly trouble: string | null;
}

const PATIENCE_MS = 5000;

/** What the server says of a run; nothing where there is no server, or it does not know the run. */
export async function liveFacts(server: Server | null, run: string): Promise<Asked> {
  if (server === null) return { live: null, trouble: null };
  try {
    const { status, work, startedAt, endedAt, ending } = await readRun(server.client, run, PATIENCE_MS);
    const pieces = work.map((piece) => ({
      name: piece.cell === null ? piece.stage : `${piece.stage}.${piece.cell}`,
      words: piece.queued ? 'waits for a worker' : workInWords(piece, null).join(', ') || 'begins',
    }));
    return { live: { status, work: pieces, startedAt, endedAt, ending }, trouble: null };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error.name === 'WorkflowNotFoundError') return { live: null, trouble: null };
    if (error.name !== 'ServiceError') throw error;
    const trouble =
      'Its server or workers do not answer, so this is what its results tell; `nas up` or `nas worker` starts workers.';
    return { live: null, trouble };
  }
}

/** All runs, the latest first. */
export async function listedRuns(server: Server | null, root: string): Promise<ListedRun[]> {
  const runs = await listRuns({ client: server?.client ?? null, root, cache: cacheFolder() });
  return runs.map(({ id, state, waits, startedAt, endedAt, results }) => ({
    id,
    state,
    waits: waits.map(waitInWords),
    startedAt,
    endedAt,
    bestTau: results?.bestTau ?? null,
    bytes: results?.bytes ?? null,
  }));
}

function waitInWords({ for: what, stage }: Wait): string {
  const words: Readonly<Record<Wait['for'], string>> = {
    epoch: 'an epoch is to be chosen',
    'parked stage': 'failed',
    worker: 'waits for a worker',
    resume: 'paused',
  };
  return stage === null ? words[what] : `${stage}: ${words[what]}`;
}
