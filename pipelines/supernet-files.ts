/** Supernets that a pipeline names by their file instead of by the stage that made them. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { Space } from '../nas/space/space.ts';
// oxlint-disable-next-line typescript/no-restricted-imports -- reads a header and loads no TensorFlow
import { readSafetensorsHeader, SafetensorsError } from '../nas/supernet/safetensors.ts';
// oxlint-disable-next-line typescript/no-restricted-imports -- compares names and shapes and loads no TensorFlow
import { checkSupernet, groupsIn } from '../nas/supernet/supernet-file.ts';
import { FileError, projectPlace } from './files.ts';
import type { JsonObject } from './plan.ts';

const PIECE_BYTES = 8 * 1024 * 1024;

/**
 * What stands in the plan for a supernet's file: a reference as `${{ stages.X.selected }}` gives one, but into the project.
 * @param name relative to `root`
 * @throws FileError for no file, one of another format, or one of another space or number of classes
 */
export function supernetReference(root: string, name: string, space: Space, classes: number): JsonObject {
  const place = projectPlace(root, name);
  try {
    const header = readSafetensorsHeader(place);
    const groups = groupsIn(header);
    checkSupernet(name, header, { space, groups, classes });
    const epoch = Number(header.metadata['epoch'] ?? 0);
    return {
      file: name,
      origin: 'project',
      sha256: sha256Of(place),
      groups,
      epoch: Number.isInteger(epoch) && epoch >= 0 ? epoch : 0,
    };
  } catch (error) {
    if (!(error instanceof SafetensorsError || error instanceof RangeError)) throw error;
    const reason = error.message.replace(place, name);
    throw new FileError(`expected a supernet of the space ${space.name}, got another file: ${reason}`);
  }
}

/** Piece by piece: supernets of a large space are larger than what one would hold in memory for a check. */
function sha256Of(place: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(PIECE_BYTES);
  const file = openSync(place, 'r');
  try {
    for (;;) {
      const count = readSync(file, piece);
      if (count === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, count));
    }
  } finally {
    closeSync(file);
  }
}
