import { partText } from '../../pages/page.tsx';
import type { Part } from '../../pages/page.tsx';

/** A part of a page as it is now. */
export interface DrawnPart {
  readonly id: string;
  readonly html: string;
  /** When it became so, in ms since 1970. */
  readonly changedAt: number;
  readonly of: readonly unknown[] | undefined;
}

interface View {
  readonly drawn: readonly DrawnPart[];
  readonly at: number;
  /** How long it took to make. */
  readonly tookMs: number;
}

const FRESH_MS = 1000;

/**
 * The pages as they are now. However many look at one, it is made once a second at most, and more seldom where that takes long;
 * of its parts those are told apart that are not as they were.
 */
export class Views {
  readonly #views = new Map<string, Promise<View>>();
  readonly #stale = new Set<string>();

  /** The parts of a page. @param make gives them as they are now */
  async current(name: string, make: () => Promise<readonly Part[]>): Promise<readonly DrawnPart[]> {
    const before = this.#views.get(name);
    const last = await before?.catch(() => undefined);
    const isFresh = last !== undefined && Date.now() - last.at < Math.max(FRESH_MS, 4 * last.tookMs);
    if (isFresh && !this.#stale.delete(name)) return last.drawn;
    // Somebody else may have begun to make it while we waited.
    if (this.#views.get(name) === before) this.#views.set(name, drawn(make, last));
    return (await this.#views.get(name)!).drawn;
  }

  /** After a change by a person the next look is to see it. */
  renew(name: string): void {
    this.#stale.add(name);
  }
}

async function drawn(make: () => Promise<readonly Part[]>, last: View | undefined): Promise<View> {
  const begun = Date.now();
  const parts = await make();
  const result = parts.map((part): DrawnPart => {
    const old = last?.drawn.find(({ id }) => id === part.id);
    if (old !== undefined && isSame(old.of, part.of)) return old;
    const html = partText(part);
    return { id: part.id, html, changedAt: old?.html === html ? old.changedAt : begun, of: part.of };
  });
  return { drawn: result, at: Date.now(), tookMs: Date.now() - begun };
}

function isSame(a: readonly unknown[] | undefined, b: readonly unknown[] | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((one, at) => one === b[at]);
}
