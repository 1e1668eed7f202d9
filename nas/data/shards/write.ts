import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { atomicWrite, sha256File, sha256Of, temporaryName } from '../../../artifacts/files.ts';
import type { ArtifactStore } from '../../../artifacts/store.ts';
import type { ImageListConfig } from '../../../configs/dataset-schema.ts';
import { BadInput } from '../../../plan/endings.ts';
import { cacheFolder } from '../../../runtime/layout.ts';
import { CLASS_NAMES, usualFiles } from '../class-names.ts';
import { readImageList } from '../list-file.ts';
import type { ImageListFile } from '../list-file.ts';
import { dataRoot } from '../lists.ts';
import { INDEX_FILE } from './shard-index.ts';
import type { Shard, ShardIndex } from './shard-index.ts';
import { TAR_END, tarMember } from './tar.ts';

const SHARD_BYTES = 128e6;

interface Writing {
  readonly store: ArtifactStore;
  /** Size that no shard passes, but for one of a single image. */
  readonly shardBytes: number;
  /** Folder on this machine for what is on its way. */
  readonly folder: string;
  readonly onImage: () => void;
}

/**
 * Puts the images of a data set into a store, as shards: each of its lists is cut into tars, in the order of its lines. The
 * index goes last, so what a kill has cut short is written over by the next try.
 * @returns the sha256 of the index, which the data set's config names
 * @throws BadInput where the place has an index already: runs may rest on it
 */
export async function writeShards(
  config: ImageListConfig,
  store: ArtifactStore,
  onProgress: (done: number, all: number) => void = () => undefined,
  shardBytes = SHARD_BYTES,
): Promise<string> {
  await store.probe();
  if (await store.has({ file: INDEX_FILE, sha256: '' })) {
    throw new BadInput(
      `${store.root}: expected a place without a data set, got one with ${INDEX_FILE}; name another place`,
    );
  }
  const root = dataRoot(config.root);
  const files = new Set(Object.values(config.parts).map(({ list }) => path.resolve(root, list)));
  const lists = [...files].map((file) => ({ file, list: readImageList(file, config.classes) }));
  const all = lists.reduce((sum, { list }) => sum + list.size, 0);
  let done = 0;
  const folder = temporaryName(path.join(cacheFolder(), 'shards'));
  await mkdir(folder, { recursive: true });
  const writing: Writing = { store, shardBytes, folder, onImage: () => onProgress(++done, all) };
  try {
    const entries: ShardIndex['lists'] = [];
    for (const { file, list } of lists) {
      const name = path.basename(file);
      const shards = await shardsOf(list, root, path.parse(name).name, writing);
      await store.publish({ file: name, sha256: list.sha256 }, file);
      entries.push({ file: name, sha256: list.sha256, shards });
    }
    const index: ShardIndex = { version: 1, lists: entries, class_names: await publishNames(config, store) };
    const text = `${JSON.stringify(index, null, 1)}\n`;
    const place = path.join(folder, INDEX_FILE);
    await atomicWrite(place, text);
    await store.publish({ file: INDEX_FILE, sha256: sha256Of(text) }, place);
    return sha256Of(text);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function shardsOf(list: ImageListFile, root: string, name: string, writing: Writing): Promise<Shard[]> {
  const shards: Shard[] = [];
  for (let line = 0; line < list.size;) {
    const file = `${name}-${String(shards.length).padStart(6, '0')}.tar`;
    const shard = await writeShard(file, list, root, line, writing);
    shards.push(shard);
    line += shard.images;
  }
  return shards;
}

/** Writes the shard that begins with a line of the list. */
async function writeShard(
  file: string,
  list: ImageListFile,
  root: string,
  from: number,
  { store, shardBytes, folder, onImage }: Writing,
): Promise<Shard> {
  const place = path.join(folder, file);
  const hash = createHash('sha256');
  const handle = await open(place, 'wx');
  let bytes = 0;
  let images = 0;
  const add = async (block: Uint8Array): Promise<void> => {
    hash.update(block);
    await handle.appendFile(block);
    bytes += block.length;
  };
  try {
    for (let line = from; line < list.size; line++) {
      const image = path.resolve(root, list.path(line));
      const key = String(line).padStart(8, '0');
      const members = [
        tarMember(`${key}${path.extname(image).toLowerCase() || '.jpg'}`, readFileSync(image)),
        tarMember(`${key}.cls`, Buffer.from(String(list.labels[line]))),
      ];
      const more = members.reduce((sum, { length }) => sum + length, 0);
      if (images > 0 && bytes + more > shardBytes) break;
      for (const member of members) await add(member);
      images++;
      onImage();
    }
    await add(TAR_END);
  } finally {
    await handle.close();
  }
  const sha256 = hash.digest('hex');
  await store.publish({ file, sha256 }, place);
  await rm(place);
  return { file, sha256, bytes, images };
}

/** What the classes are called, if that is known. */
async function publishNames(config: ImageListConfig, store: ArtifactStore): Promise<ShardIndex['class_names']> {
  const place = usualFiles(config).find((file) => existsSync(file));
  if (place === undefined) return null;
  const named = { file: CLASS_NAMES, sha256: await sha256File(place) };
  await store.publish(named, place);
  return named;
}
