import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256File } from '../../artifacts/atomic-write.ts';
import { placeOf } from '../../artifacts/paths.ts';
import { root } from '../../runtime/layout.ts';
import { TrainerError } from './protocol.ts';

/** A file by what it must hold: results change names and places, never their bytes. */
export interface FileReference {
  readonly file: string;
  readonly sha256: string;
}

/** A supernet's file; `origin` says that it lies below the project's root. */
interface SupernetFile extends FileReference {
  readonly origin?: 'project' | undefined;
}

async function resultFile(results: string, reference: FileReference): Promise<string> {
  return await checked(
    placeOf(results, reference.file),
    reference,
    'the result was changed; run the stage that makes it anew',
  );
}

/** The absolute path of a supernet that another stage made, or that the pipeline names by its file; throws BadInput unless it has the bytes that it is named for. */
export async function supernetFile(results: string, reference: SupernetFile): Promise<string> {
  return reference.origin === 'project' ? await projectPlace(reference) : await resultFile(results, reference);
}

/** The text of a file below the project's root (a list of subnets, a ground truth); throws BadInput as `supernetFile`. */
export async function projectFile(reference: FileReference): Promise<string> {
  return await readFile(await projectPlace(reference), 'utf8');
}

async function projectPlace(reference: FileReference): Promise<string> {
  const remedy = 'the file was changed after the run was planned; start a new run';
  return await checked(path.resolve(root, reference.file), reference, remedy);
}

async function checked(place: string, { file, sha256 }: FileReference, remedy: string): Promise<string> {
  const found = await sha256File(place).catch((cause: unknown) => {
    throw new TrainerError('BadInput', `${file}: expected a readable file, got ${String(cause)}`, { cause });
  });
  if (found !== sha256)
    throw new TrainerError('BadInput', `${file}: expected sha256 ${sha256}, got ${found}; ${remedy}`);
  return place;
}
