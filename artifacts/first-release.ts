import { isNoFile, sha256File } from './files.ts';
import type { FileReference } from './references.ts';
import { fileNames, placeOf } from './paths.ts';

/**
 * The metrics of a stage that release 0.1.0 wrote, as far as they are there: its manifests did not list them.
 * @param directory of the stage, relative to the results root
 */
export async function unlistedMetrics(root: string, directory: string): Promise<FileReference[]> {
  const found: FileReference[] = [];
  const add = async (file: string): Promise<boolean> => {
    const sha256 = await sha256File(placeOf(root, file)).catch((error: unknown) => {
      if (isNoFile(error)) return null;
      throw error;
    });
    if (sha256 !== null) found.push({ file, sha256 });
    return sha256 !== null;
  };
  await add(`${directory}/${fileNames.metricsLog}`);
  const events = (epoch: number): string =>
    `${directory}/${fileNames.tensorboard}/epoch-${String(epoch).padStart(6, '0')}.tfevents`;
  for (let epoch = 0; await add(events(epoch));) epoch++;
  return found;
}
