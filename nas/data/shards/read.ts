import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { isS3 } from '../../../artifacts/paths.ts';
import { openStoreAside } from '../../../artifacts/results.ts';
import { cacheLimit } from '../../../artifacts/s3/local-files.ts';
import type { ArtifactStore } from '../../../artifacts/store.ts';
import type { ImageListConfig, PartName } from '../../../configs/dataset-schema.ts';
import { BadInput } from '../../../plan/endings.ts';
import type { FilePiece } from '../images/decode.ts';
import { readImageList } from '../list-file.ts';
import type { ImageListFile } from '../list-file.ts';
import { checkPart, dataRoot } from '../lists.ts';
import { INDEX_FILE, ShardIndex } from './shard-index.ts';
import type { Shard } from './shard-index.ts';
import { tarMembers } from './tar.ts';

/** Shards on their way here at once. */
const LANES = 4;
/** A shard of a far store that is read counts as used; so often that its cache does not let it go. */
const TELL_USED_MS = 10 * 60_000;

/** A shard on this machine: where each of its images lies. */
interface Here {
  readonly since: number;
  readonly pieces: Promise<readonly FilePiece[]>;
}

export type ShardsConfig = ImageListConfig & { readonly shards: NonNullable<ImageListConfig['shards']> };

export function hasShards(config: ImageListConfig): config is ShardsConfig {
  return config.shards !== undefined;
}

/** The store that a data set's shards lie in, and their index. @throws BadInput where that is not the one that the config names */
async function openIndex({ shards }: ShardsConfig): Promise<{ store: ArtifactStore; index: ShardIndex }> {
  const store = openStoreAside(isS3(shards.at) ? shards.at : dataRoot(shards.at));
  const place = await store.fetch({ file: INDEX_FILE, sha256: shards.sha256 });
  const parsed = ShardIndex.safeParse(JSON.parse(await readFile(place, 'utf8')));
  if (parsed.success) return { store, index: parsed.data };
  throw new BadInput(`${shards.at}: expected an index of this release, got another; write the shards anew`);
}

/** The file that says what the classes of a data set in shards are called; null where nobody has said it. */
export async function classNamesFile(config: ShardsConfig): Promise<string | null> {
  const { store, index } = await openIndex(config);
  return index.class_names === null ? null : await store.fetch(index.class_names);
}

/**
 * The images of a data set that lie in a store as shards: a shard comes to this machine when the first of its images is
 * asked for, and stays as long as the cache has room.
 */
export class Shards {
  readonly #store: ArtifactStore;
  readonly #config: ShardsConfig;
  readonly #lists: ReadonlyMap<PartName, ImageListFile>;
  /** The shards of each list, and for each the line that it begins with. */
  readonly #shards: ReadonlyMap<ImageListFile, readonly (Shard & { readonly from: number })[]>;
  readonly #here = new Map<string, Here>();
  readonly #lanes: Promise<unknown>[] = Array.from({ length: LANES }, async () => undefined);
  #asked = 0;

  private constructor(
    store: ArtifactStore,
    config: ShardsConfig,
    lists: ReadonlyMap<PartName, ImageListFile>,
    shards: ReadonlyMap<ImageListFile, readonly Shard[]>,
  ) {
    this.#store = store;
    this.#config = config;
    this.#lists = lists;
    this.#shards = new Map([...shards].map(([list, some]) => [list, withBeginnings(some)]));
  }

  /** @throws BadInput where the shards are not of the lists that the config names, or the cache is too small for them */
  static async open(config: ShardsConfig): Promise<Shards> {
    const { store, index } = await openIndex(config);
    const { at } = config.shards;
    const bytes = index.lists.flatMap(({ shards }) => shards).reduce((sum, shard) => sum + shard.bytes, 0);
    if (store.isFar && bytes > cacheLimit()) {
      const room = Math.ceil(bytes / 1e9);
      throw new BadInput(
        `NAS_CACHE_GB: expected at least ${room}, for the shards in ${at}, got ${cacheLimit() / 1e9}; raise it`,
      );
    }
    const lists = new Map<PartName, ImageListFile>();
    const shards = new Map<ImageListFile, readonly Shard[]>();
    const read = new Map<string, ImageListFile>();
    for (const [name, part] of Object.entries(config.parts)) {
      const entry = index.lists.find(({ sha256 }) => sha256 === part.sha256);
      if (entry === undefined) {
        throw new BadInput(
          `${at}: expected shards of ${part.list} with sha256 ${part.sha256}, got none; write them anew`,
        );
      }
      const list = read.get(entry.sha256) ?? readImageList(await store.fetch(entry), config.classes);
      read.set(entry.sha256, list);
      // Object.entries forgets the names' type.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      const partName = name as PartName;
      checkPart(config, partName, entry.file, list);
      lists.set(partName, list);
      shards.set(list, entry.shards);
    }
    return new Shards(store, config, lists, shards);
  }

  list(part: PartName): ImageListFile {
    return this.#lists.get(part)!;
  }

  nameOf(list: ImageListFile, line: number): string {
    return `${this.#config.shards.at}: ${list.path(line)}`;
  }

  /** Where the images of those lines lie on this machine, once they do. */
  async places(list: ImageListFile, lines: readonly number[]): Promise<FilePiece[]> {
    const shards = this.#shards.get(list) ?? [];
    const found = lines.map(async (line) => {
      const shard = shards.findLast(({ from }) => from <= line)!;
      const pieces = await this.#piecesOf(shard);
      return pieces[line - shard.from]!;
    });
    // Where one does not come, the others are not still on their way afterwards.
    await Promise.allSettled(found);
    return await Promise.all(found);
  }

  #piecesOf(shard: Shard): Promise<readonly FilePiece[]> {
    const here = this.#here.get(shard.file);
    if (here !== undefined && (!this.#store.isFar || Date.now() - here.since < TELL_USED_MS)) return here.pieces;
    const lane = this.#asked++ % LANES;
    const pieces = this.#lanes[lane]!.then(async () => await this.#fetched(shard));
    this.#lanes[lane] = pieces.catch(() => undefined);
    this.#here.set(shard.file, { since: Date.now(), pieces });
    // One that did not come is asked for again.
    pieces.catch(() => this.#here.delete(shard.file));
    return pieces;
  }

  async #fetched(shard: Shard): Promise<readonly FilePiece[]> {
    const file = await this.#store.fetch(shard);
    const images = tarMembers(file).filter(({ name }) => path.extname(name) !== '.cls');
    return images.map(({ offset, bytes }) => ({ file, offset, bytes }));
  }
}

function withBeginnings(shards: readonly Shard[]): (Shard & { readonly from: number })[] {
  let from = 0;
  return shards.map((shard) => {
    const begins = from;
    from += shard.images;
    return { ...shard, from: begins };
  });
}
