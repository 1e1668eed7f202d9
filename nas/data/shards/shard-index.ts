import { z } from 'zod';
import { FileReference, sha256 } from '../../../artifacts/references.ts';

/** A tar of images in the order of their list: `00000042.jpeg` and its class `00000042.cls`, as WebDataset has them. */
const Shard = FileReference.extend({ bytes: z.int().positive(), images: z.int().positive() });
export type Shard = z.infer<typeof Shard>;

/** What the shards of a data set are, by the hash of its lists: the file `index.json` beside them. */
export const ShardIndex = z.strictObject({
  version: z.literal(1),
  lists: z.array(z.strictObject({ file: z.string().min(1), sha256, shards: z.array(Shard) })),
  class_names: FileReference.nullable(),
});
export type ShardIndex = z.infer<typeof ShardIndex>;

export const INDEX_FILE = 'index.json';
