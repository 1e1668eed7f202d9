import { readFile } from 'node:fs/promises';
import type { FileReference } from '../../artifacts/references.ts';
import { projectFile as projectFilePath } from '../../artifacts/paths.ts';
import { verifiedFile } from '../../artifacts/files.ts';
import { openStore } from '../../artifacts/results.ts';

/** A supernet's file; `origin` says that it lies below the project's root. */
interface SupernetFile extends FileReference {
  readonly origin?: 'project' | undefined;
}

/** The path of a supernet that another stage made, or that the pipeline names by its file; throws BadInput unless it has the bytes that it is named for. */
export async function supernetFile(results: string, reference: SupernetFile): Promise<string> {
  return reference.origin === 'project' ? await projectPlace(reference) : await openStore(results).fetch(reference);
}

/** The text of a file below the project's root (a list of subnets, a ground truth); throws BadInput as `supernetFile`. */
export async function projectFile(reference: FileReference): Promise<string> {
  return await readFile(await projectPlace(reference), 'utf8');
}

async function projectPlace(reference: FileReference): Promise<string> {
  const remedy = 'the file was changed after the run was planned; start a new run';
  return await verifiedFile(projectFilePath(reference.file), reference, remedy);
}
