import { catalogue } from '../../artifacts/catalogue.ts';
import { filesOf, hashAt } from '../../artifacts/named-files.ts';

/** What two runs of the same plan made of one stage, or of one cell of it. */
export interface Comparison {
  readonly directory: string;
  /** Files with a sha256, and measured values beside them. */
  readonly files: number;
  readonly attempts: { readonly straight: number; readonly killed: number };
  /** What differs, by name; empty where the bits are the same. */
  readonly different: readonly string[];
}

interface Made {
  readonly attempts: number;
  /** sha256 of each file as it lies there, and of each value that the manifest records. */
  readonly hashes: ReadonlyMap<string, string>;
}

/** Compares all results of two runs of one plan, each in its own results folder, stage by stage. */
export async function compareResults(straight: string, killed: string): Promise<Comparison[]> {
  const [ours, theirs] = await Promise.all([madeIn(straight), madeIn(killed)]);
  const nothing: Made = { attempts: 0, hashes: new Map() };
  return [...new Set([...ours.keys(), ...theirs.keys()])].map((directory) => {
    const [a, b] = [ours.get(directory) ?? nothing, theirs.get(directory) ?? nothing];
    const names = [...new Set([...a.hashes.keys(), ...b.hashes.keys()])];
    return {
      directory,
      files: names.length,
      attempts: { straight: a.attempts, killed: b.attempts },
      different: names.filter((name) => a.hashes.get(name) !== b.hashes.get(name)),
    };
  });
}

async function madeIn(results: string): Promise<Map<string, Made>> {
  const made = new Map<string, Made>();
  for (const { directory, manifest } of await catalogue(results)) {
    const hashes = new Map<string, string>();
    for (const { file } of filesOf(manifest)) {
      hashes.set(file, (await hashAt(results, file)) ?? 'no file');
    }
    const { state, fingerprint, outputs, epochs, selection } = manifest;
    hashes.set('fingerprint', fingerprint);
    hashes.set('state', state);
    hashes.set('outputs', JSON.stringify(outputs));
    hashes.set('chosen epoch', String(selection?.epoch ?? ''));
    for (const epoch of epochs) hashes.set(`metrics of epoch ${epoch.epoch}`, JSON.stringify(epoch));
    made.set(directory, { attempts: manifest.attempts.length, hashes });
  }
  return made;
}
