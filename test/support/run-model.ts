import type { CellRecord } from '../../workflows/records.ts';

/** A run as its users may think of it, written plainly: what each command does to the state of each cell. It knows no server. */

/** What the walks have stages of. */
export interface StageShape {
  readonly id: string;
  /** `train` waits for a person's choice of an epoch, `rule` does not; `parts` has two cells; `child` is a run of its own. */
  readonly kind: 'light' | 'heavy' | 'train' | 'rule' | 'parts' | 'child';
  readonly needs: readonly string[];
  readonly if: null | '!failure()' | 'failure()';
}

/** What stages of a child run are. */
export const INNER: readonly StageShape[] = [{ id: 'inner', kind: 'heavy', needs: [], if: null }];

/** How many epochs a trained stage has, all but the last two worse than the one behind them. */
export const EPOCHS = 3;
const BY_RULE = 2;

type Shown = CellRecord['state'];

export class CellModel {
  readonly id: string;
  readonly stage: StageShape;
  /** As a status would call it; what wants to begin is still called what it was. */
  shown: Shown = 'waiting';
  /** What it would begin if it were let in: its work, or the record of its choice. */
  wants: 'work' | 'record' | null = null;
  hasBegun = false;
  epoch: number | null = null;
  value: string | null = null;
  child: RunModel | null = null;

  constructor(id: string, stage: StageShape) {
    this.id = id;
    this.stage = stage;
  }

  get isOver(): boolean {
    return this.shown === 'done' || this.shown === 'skipped' || this.shown === 'failed';
  }

  get isAtWork(): boolean {
    return this.shown === 'running' && this.wants === null;
  }

  /** It is let in: work begins, a choice is recorded. */
  begin(): void {
    if (this.wants === 'record') this.shown = 'done';
    else {
      this.shown = 'running';
      this.hasBegun = true;
      if (this.stage.kind === 'child') this.child = new RunModel(INNER);
    }
    this.wants = null;
  }

  /** Its work gave a result. */
  finish(): void {
    const { kind } = this.stage;
    if (kind === 'train') this.shown = 'selecting';
    else if (kind === 'rule') this.choose(BY_RULE);
    else this.shown = 'done';
  }

  choose(epoch: number): void {
    this.epoch = epoch;
    this.wants = 'record';
  }

  /** Its work ended without a result, through nobody's fault, and is to begin anew. */
  giveBack(): void {
    this.shown = 'waiting';
    this.wants = 'work';
  }
}

export class RunModel {
  readonly cells: readonly CellModel[];
  readonly #stages: readonly StageShape[];
  isPaused = false;
  isCancelled = false;

  constructor(stages: readonly StageShape[]) {
    this.#stages = stages;
    this.cells = stages.flatMap((stage) =>
      (stage.kind === 'parts' ? [`${stage.id}.1`, `${stage.id}.2`] : [stage.id]).map((id) => new CellModel(id, stage)),
    );
    this.settle();
  }

  cellsOf(stage: string): CellModel[] {
    return this.cells.filter((cell) => cell.stage.id === stage || cell.id === stage);
  }

  get isOver(): boolean {
    return this.isCancelled || this.cells.every((cell) => cell.isOver);
  }

  pause(): void {
    this.isPaused = true;
    for (const cell of this.cells.filter(({ isAtWork }) => isAtWork)) {
      const { kind } = cell.stage;
      cell.child?.pause();
      if (kind === 'heavy' || kind === 'train' || kind === 'rule') {
        cell.shown = 'paused';
        cell.wants = 'work';
      }
    }
  }

  resume(): void {
    this.isPaused = false;
    for (const { child, isAtWork } of this.cells) if (isAtWork) child?.resume();
  }

  cancel(): void {
    this.isCancelled = true;
    for (const { child, isAtWork } of this.cells) if (isAtWork) child?.cancel();
  }

  /** The parked cells of a stage begin anew, with another value or not. False: refused. */
  retry(name: string, value: string | null): boolean {
    return this.#answer(name, (cell) => {
      cell.value = value ?? cell.value;
      cell.giveBack();
    });
  }

  skip(name: string): boolean {
    return this.#answer(name, (cell) => (cell.shown = 'skipped'));
  }

  abort(name: string): boolean {
    return this.#answer(name, (cell) => (cell.shown = 'failed'));
  }

  select(name: string, epoch: number): boolean {
    const cell = this.cellsOf(name).find(({ shown }) => shown === 'selecting');
    if (cell === undefined || cell.epoch !== null || epoch < 0 || epoch >= EPOCHS) return false;
    cell.choose(epoch);
    return true;
  }

  #answer(name: string, move: (cell: CellModel) => void): boolean {
    const parked = this.cellsOf(name).filter(({ shown }) => shown === 'parked');
    parked.forEach(move);
    this.settle();
    return parked.length > 0;
  }

  /** What follows by itself: a child's end is its stage's, and stages whose needs are over are wanted or skipped. */
  settle(): void {
    if (this.isCancelled) return;
    for (const cell of this.cells) {
      const { child } = cell;
      if (!cell.isAtWork || child?.isOver !== true) continue;
      cell.shown = child.state() === 'done' ? 'done' : 'parked';
    }
    for (const stage of this.#stages) {
      const own = this.cellsOf(stage.id);
      const isNew = own.every((cell) => !cell.hasBegun && cell.wants === null && cell.shown === 'waiting');
      if (!isNew || !stage.needs.every((need) => this.cellsOf(need).every(({ isOver }) => isOver))) continue;
      for (const cell of own) {
        if (this.#isWanted(stage)) cell.wants = 'work';
        else cell.shown = 'skipped';
      }
    }
  }

  #isWanted({ needs, if: condition }: StageShape): boolean {
    const states = needs.map((need) => this.stateOf(need));
    if (condition === null) return states.every((state) => state === 'done');
    return states.includes('failed') === (condition === 'failure()');
  }

  /** Of a stage, as `nas status` shows it. */
  stateOf(stage: string): string {
    const shown = this.cellsOf(stage).map((cell) => cell.shown);
    if (this.cellsOf(stage).every(({ isOver }) => isOver)) {
      if (shown.includes('failed')) return 'failed';
      return shown.includes('done') ? 'done' : 'skipped';
    }
    const first = (['running', 'paused', 'parked', 'selecting'] as const).find((state) => shown.includes(state));
    return first ?? (this.cellsOf(stage).some(({ hasBegun }) => hasBegun) ? 'running' : 'waiting');
  }

  state(): string {
    if (this.isCancelled) return 'cancelled';
    if (this.isOver) return this.cells.some(({ shown }) => shown === 'failed') ? 'failed' : 'done';
    if (this.isPaused) return 'paused';
    const asks = this.cells.some(({ shown }) => shown === 'parked' || shown === 'selecting');
    return asks && !this.cells.some(({ isAtWork }) => isAtWork) ? 'waiting' : 'running';
  }

  /** What the run gives at its end. */
  outputs(): Record<string, unknown> {
    return Object.fromEntries(this.#stages.map(({ id, kind }) => [id, outputsOf(kind, this.cellsOf(id))]));
  }
}

function outputsOf(kind: StageShape['kind'], cells: readonly CellModel[]): unknown {
  const [first] = cells;
  if (cells.every(({ shown }) => shown !== 'done')) return null;
  if (kind === 'parts') return { value: cells.map((cell) => (cell.shown === 'done' ? valueOf(cell) : null)) };
  if (kind === 'child') return first!.child!.outputs();
  return kind === 'train' || kind === 'rule' ? { epoch: first!.epoch } : { value: valueOf(first!) };
}

function valueOf(cell: CellModel): string {
  return cell.value ?? cell.id;
}
