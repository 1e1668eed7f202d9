import * as fc from 'fast-check';
import { setTimeout as sleep } from 'node:timers/promises';
import { childIdOf } from '../../plan/names.ts';
import type { Plan } from '../../plan/plan.ts';
import type { RunStatus } from '../../plan/messages.ts';
import { chooseEpoch, orderStage } from '../../runs/steer.ts';
import { isAtWork, tell } from './held-activities.ts';
import type { Order } from './held-activities.ts';
import { asked, planOf, TestRun } from './pipeline-server.ts';
import type { PipelineServer } from './pipeline-server.ts';
import { INNER, RunModel } from './run-model.ts';
import type { CellModel, StageShape } from './run-model.ts';

// Random commands to a real run, and to the model of one: both have to be in the same state after each.

/** Events after which a run of the walks is asked to continue as new: few, so that most do. */
export const HISTORY = 45;

interface Command {
  readonly is: 'finish' | 'fail' | 'move on' | 'lose' | 'pause' | 'resume' | 'talk' | 'cancel' | (typeof words)[number];
  /** Which of those that it may be for. */
  readonly at: number;
  /** An epoch, and whether a single cell of several is meant. */
  readonly n: number;
}

/** `signal` is the choice of an epoch that is not answered. */
const words = ['select', 'signal', 'retry', 'set', 'skip', 'abort'] as const;
const orders = { retry: 'retry', set: 'retry', skip: 'skip', abort: 'abort' } as const;

const command: fc.Arbitrary<Command> = fc.record({
  is: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('finish', 'fail', 'move on', 'finish', 'fail') },
    { weight: 1, arbitrary: fc.constant('lose') },
    { weight: 3, arbitrary: fc.constantFrom('pause', 'resume', 'resume') },
    { weight: 6, arbitrary: fc.constantFrom(...words) },
    { weight: 1, arbitrary: fc.constantFrom('talk', 'cancel') },
  ),
  at: fc.nat(99),
  n: fc.integer({ min: 0, max: 3 }),
});

const ids = ['a', 'b', 'c', 'd'];

/** Stages that need some of those before them, and what is to happen to them. */
interface Walk {
  readonly stages: readonly StageShape[];
  readonly commands: readonly Command[];
}

export const walks: fc.Arbitrary<Walk> = fc.record({
  stages: fc
    .array(
      fc.record({
        kind: fc.constantFrom<StageShape['kind'][]>('light', 'heavy', 'train', 'rule', 'parts', 'child'),
        needs: fc.subarray([1, 2]),
        if: fc.constantFrom<StageShape['if'][]>(null, null, '!failure()', 'failure()'),
      }),
      { minLength: 2, maxLength: ids.length },
    )
    .map((stages) =>
      stages.map(({ kind, needs, if: condition }, at): StageShape => {
        const before = needs.flatMap((back) => ids[at - back] ?? []);
        return { id: ids[at]!, kind, needs: before, if: before.length === 0 ? null : condition };
      }),
    ),
  commands: fc.array(command, { minLength: 4, maxLength: 16 }),
});

function planStages(shapes: readonly StageShape[]): Plan {
  const stages = shapes.map(({ kind, ...shape }) => ({
    ...shape,
    uses: kind === 'child' ? 'pipeline' : kind === 'train' || kind === 'rule' ? 'held-epochs' : 'held',
    work: kind === 'light' || kind === 'parts' ? ('light' as const) : ('heavy' as const),
    with: { value: kind === 'parts' ? `${shape.id}.\${{ matrix.part }}` : shape.id },
    matrix: kind === 'parts' ? [{ part: 1 }, { part: 2 }] : null,
    select: kind === 'train' ? asked : null,
    timeout: { startToCloseMs: 600_000, heartbeatMs: 1500 },
    plan: kind === 'child' ? planStages(INNER) : null,
  }));
  return planOf(...stages);
}

/** A run and its model, and the runs of its sub-pipelines. */
class Pair {
  readonly real: TestRun;
  readonly model: RunModel;
  readonly server: PipelineServer;

  constructor(server: PipelineServer, real: TestRun, model: RunModel) {
    this.server = server;
    this.real = real;
    this.model = model;
  }

  get id(): string {
    return this.real.handle.workflowId;
  }

  folderOf({ id, stage }: CellModel): string {
    return `${this.id}/${stage.kind === 'parts' ? id.replace('.', '/') : id}`;
  }

  /** This one, and the one of each child that is at work. */
  all(): Pair[] {
    const children = this.model.cells.flatMap((cell) =>
      cell.isAtWork && cell.child ? [{ cell, child: cell.child }] : [],
    );
    return [
      this,
      ...children.map(({ cell, child }) => {
        const handle = this.server.client.workflow.getHandle(childIdOf(this.id, cell.id));
        return new Pair(this.server, new TestRun(handle), child);
      }),
    ];
  }

  /** Lets cells of the model begin that have begun, and says what differs; null where nothing does. */
  async difference(): Promise<string | null> {
    const { model } = this;
    const status = await this.real.status();
    for (let isMoving = true; isMoving;) {
      isMoving = false;
      for (const cell of model.cells.filter(({ wants }) => wants !== null && !model.isPaused)) {
        if (!(await this.#hasBegun(cell, status))) continue;
        cell.begin();
        model.settle();
        isMoving = true;
      }
    }
    const differs = compared(model, status);
    if (differs !== null) return differs;
    const late = model.cells.filter(({ wants }) => wants !== null && !model.isPaused);
    if (late.length === 0) return null;
    // Before a run continues as new, what is at work ends and nothing begins.
    const { historyLength } = await this.real.handle.describe();
    const mayBeLate = historyLength >= HISTORY - 10 && model.cells.some((cell) => cell.isAtWork);
    return mayBeLate ? null : `expected ${late.map(({ id }) => id).join()} to begin`;
  }

  async #hasBegun(cell: CellModel, { stages }: RunStatus): Promise<boolean> {
    const shown = stages.find(({ id }) => id === cell.stage.id)?.state;
    if (cell.wants === 'record') return shown === 'done';
    if (cell.stage.kind !== 'child') return isAtWork(this.folderOf(cell));
    if (shown !== 'running') return false;
    const child = this.server.client.workflow.getHandle(childIdOf(this.id, cell.id));
    return await child.describe().then(
      ({ status }) => status.name === 'RUNNING',
      () => false,
    );
  }
}

function compared(model: RunModel, { state, stages }: RunStatus): string | null {
  const expected = stages.map(({ id }) => `${id} ${model.stateOf(id)}`).join(', ');
  const got = stages.map((stage) => `${stage.id} ${stage.state}`).join(', ');
  if (expected !== got) return `expected ${expected}; got ${got}`;
  const parked = model.cells
    .filter(({ shown, stage }) => stage.kind === 'parts' && shown === 'parked')
    .map(({ id }) => id);
  const seen = stages.flatMap(({ cells }) => cells?.parked ?? []);
  if (parked.join() !== seen.join()) return `expected ${parked.join()} to be parked, got ${seen.join()}`;
  return model.state() === state ? null : `expected the run to be ${model.state()}, got ${state}`;
}

const PATIENCE_MS = 60_000;

/** Waits until the run and its children are as the model says. */
async function agree(pair: Pair): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    // Children first: their end is news for their stage.
    const differences: (string | null)[] = [];
    const pairs = pair.all();
    for (const one of pairs.toReversed()) {
      differences.push(await one.difference().catch((error: unknown) => String(error)));
      pair.model.settle();
    }
    // A child that has begun meanwhile was not looked at yet.
    if (differences.every((difference) => difference === null) && pair.all().length === pairs.length) return;
    if (Date.now() > deadline) throw new Error(`${pair.id}: ${differences.join('; ')}`);
    await sleep(20);
  }
}

async function orderOne(pair: Pair, order: Order, at: number): Promise<void> {
  const working = pair
    .all()
    .flatMap((one) =>
      one.model.cells.filter(({ isAtWork: isBusy, child }) => isBusy && child === null).map((cell) => ({ one, cell })),
    );
  const chosen = working[at % Math.max(1, working.length)];
  if (chosen === undefined) return;
  await tell(chosen.one.folderOf(chosen.cell), order);
  // One that is lost is begun again by the server, and the run knows nothing of it.
  if (order === 'finish') chosen.cell.finish();
  if (order === 'fail') chosen.cell.shown = 'parked';
  if (order === 'move on') chosen.cell.giveBack();
  chosen.one.model.settle();
}

/** A message to a stage: those that wait for one first, so that half of the messages are answered. */
async function ask(pair: Pair, is: (typeof words)[number], { at, n }: Command): Promise<void> {
  const all = pair.all().flatMap((one) => one.model.cells.map((cell) => ({ one, cell })));
  const waiting = all.filter(
    ({ cell: { shown } }) => shown === (is === 'select' || is === 'signal' ? 'selecting' : 'parked'),
  );
  const { one, cell } = [...waiting, ...waiting, ...all][at % (2 * waiting.length + all.length)]!;
  const name = n % 2 === 0 ? cell.stage.id : cell.id;
  const value = `set ${at}`;
  // A sub-pipeline has params, and no such key.
  if (is === 'set' && cell.stage.kind === 'child') return;
  const answers: Record<typeof is, () => boolean> = {
    select: () => one.model.select(name, n),
    signal: () => one.model.select(name, n),
    retry: () => one.model.retry(name, null),
    set: () => one.model.retry(name, value),
    skip: () => one.model.skip(name),
    abort: () => one.model.abort(name),
  };
  const isTaken = answers[is]();
  const choice = { stage: name, epoch: n };
  if (is === 'signal') return await one.real.handle.signal('selectEpoch', choice);
  const { client } = pair.server;
  const moved = is === 'set' ? { stage: name, set: { value } } : { stage: name };
  const order = async (): Promise<unknown> =>
    is === 'select' ? await chooseEpoch(client, one.id, choice) : await orderStage(client, one.id, orders[is], moved);
  const wasTaken = await order().then(
    () => true,
    () => false,
  );
  if (isTaken !== wasTaken) throw new Error(`${is} ${name}: expected ${isTaken}, got ${wasTaken}`);
}

async function follow(pair: Pair, given: Command): Promise<void> {
  const { real, model } = pair;
  const { is } = given;
  if (is === 'finish' || is === 'fail' || is === 'move on' || is === 'lose') return await orderOne(pair, is, given.at);
  if (is === 'pause' || is === 'resume') {
    model[is]();
    return await real.handle.signal(is);
  }
  if (is === 'cancel') {
    model.cancel();
    await real.handle.cancel();
    return void (await real.handle.result().catch(() => {}));
  }
  // A long history, in which nothing happens.
  if (is === 'talk') for (let at = 0; at < 12; at++) await real.handle.signal('selectEpoch', 'nobody');
  else await ask(pair, is, given);
}

/** What brings a run to its end that the commands left open. */
function remedyFor(pair: Pair): Command {
  if (pair.model.isPaused) return { is: 'resume', at: 0, n: 0 };
  const cells = pair.all().flatMap(({ model }) => model.cells);
  if (cells.some(({ shown }) => shown === 'parked')) return { is: 'skip', at: 0, n: 0 };
  // Not one that was answered: before a run continues as new it stays as it is.
  const at = cells.filter(({ shown }) => shown === 'selecting').findIndex(({ wants }) => wants === null);
  return at >= 0 ? { is: 'select', at, n: 0 } : { is: 'finish', at: 0, n: 0 };
}

/** Walks a run to its end. Returns how often it continued as new. */
export async function walk(server: PipelineServer, { stages, commands }: Walk): Promise<number> {
  const real = await server.start(planStages(stages));
  const { runId: first } = await real.handle.describe();
  const pair = new Pair(server, real, new RunModel(stages));
  const said: string[] = [];
  try {
    await agree(pair);
    for (const given of commands) {
      if (pair.model.isOver) break;
      said.push(`${given.is} ${given.at}/${given.n}`);
      await follow(pair, given);
      await agree(pair);
    }
    while (!pair.model.isOver) {
      await follow(pair, remedyFor(pair));
      await agree(pair);
    }
    await expectEnd(pair);
  } catch (error) {
    throw new Error(`${String(error)}\n${JSON.stringify(stages)}\nafter ${said.join(', ')}`, { cause: error });
  }
  return (await real.handle.describe()).runId === first ? 0 : 1;
}

async function expectEnd({ real, model }: Pair): Promise<void> {
  const state = model.state();
  const end = await real.handle.result().then(
    ({ outputs }) => JSON.stringify(outputs),
    (error: unknown) => String(error),
  );
  const expected = JSON.stringify(model.outputs());
  if (state === 'done' && end !== expected) throw new Error(`expected the outputs ${expected}, got ${end}`);
  if (state !== 'done' && !end.includes(state === 'failed' ? 'Workflow execution failed' : 'cancelled')) {
    throw new Error(`expected the run to be ${state}, got ${end}`);
  }
}
