import { stageAt } from '../../artifacts/catalogue.ts';
import type { Piece, Stay } from './kills.ts';
import type { World } from './world.ts';

/** Work under way: what the process that does it says of itself. */
export interface AtWork {
  readonly directory: string;
  readonly phase: string;
  /** Of the trainer; of the worker for light work. */
  readonly pid: number;
  /** How often the piece has entered this phase. */
  readonly visit: number;
  /** When it did so last, ms. */
  readonly since: number;
  /** How long it was in the phase in visits before, ms. */
  readonly before: number;
}

/** Light work has no process whose title tells a phase. */
const phaseOfKind: Readonly<Record<string, string>> = { 'merge-results': 'merging', report: 'reporting' };

export function lightPhase(uses: string): string {
  return phaseOfKind[uses] ?? 'working';
}

/** Sees what is at work, and counts how often and how long each piece is in each phase. */
export class Watch {
  readonly #world: World;
  readonly #lights: readonly Piece[];
  #last: readonly AtWork[] = [];
  readonly #stays = new Map<string, Map<string, Stay>>();

  /** @param pieces of the undisturbed run, if there was one: light work is looked for by its name */
  constructor(world: World, pieces: readonly Piece[]) {
    this.#world = world;
    this.#lights = pieces.filter(({ isLight }) => isLight);
  }

  async look(): Promise<readonly AtWork[]> {
    const now = performance.now();
    const found = [...this.#world.trainers(), ...(await this.#lightWork())];
    for (const gone of this.#last) {
      if (!found.some((one) => isSame(one, gone))) this.#add(gone, { visits: 0, seconds: (now - gone.since) / 1000 });
    }
    this.#last = found.map((one) => {
      const known = this.#last.find((other) => isSame(one, other));
      if (known !== undefined) return known;
      const { visits: visit, seconds } = this.#add(one, { visits: 1, seconds: 0 });
      return { ...one, visit, since: now, before: 1000 * seconds };
    });
    return this.#last;
  }

  staysIn(directory: string): Record<string, Stay> {
    return Object.fromEntries(this.#stays.get(directory) ?? []);
  }

  /** Whether a piece still is in the phase it was seen in, its process being halted. */
  async isStill(work: AtWork): Promise<boolean> {
    const all = [...this.#world.trainers(), ...(await this.#lightWork())];
    return all.some((one) => isSame(one, work));
  }

  // An attempt that a killed worker left open has its pid.
  async #lightWork(): Promise<Place[]> {
    const pid = this.#world.worker;
    const stages = await Promise.all(this.#lights.map(({ directory }) => stageAt(this.#world.results, directory)));
    return stages.flatMap((stage) => {
      const last = stage?.manifest.attempts.at(-1);
      if (stage == null || last?.pid !== pid || last.ended !== null) return [];
      return [{ directory: stage.directory, phase: lightPhase(stage.manifest.uses), pid }];
    });
  }

  #add({ directory, phase }: Place, { visits, seconds }: Stay): Stay {
    const stays = this.#stays.get(directory) ?? new Map<string, Stay>();
    const before = stays.get(phase) ?? { visits: 0, seconds: 0 };
    const stay = { visits: before.visits + visits, seconds: before.seconds + seconds };
    this.#stays.set(directory, stays.set(phase, stay));
    return stay;
  }
}

type Place = Pick<AtWork, 'directory' | 'phase' | 'pid'>;

function isSame(a: Place, b: Place): boolean {
  return a.pid === b.pid && a.directory === b.directory && a.phase === b.phase;
}
