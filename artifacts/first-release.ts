import { entriesOf, sha256File } from './files.ts';
import type { FileReference } from './references.ts';
import { fileNames, placeOf } from './paths.ts';

/**
 * The metrics of a stage that release 0.1.0 wrote, as far as they are there: its manifests did not list them.
 * @param directory of the stage, relative to the results root
 */
export async function unlistedMetrics(root: string, directory: string): Promise<FileReference[]> {
  const found: FileReference[] = [];
  const add = async (file: string): Promise<void> => {
    found.push({ file, sha256: await sha256File(placeOf(root, file)) });
  };
  const names = new Set(await entriesOf(placeOf(root, directory)));
  if (names.has(fileNames.metricsLog)) await add(`${directory}/${fileNames.metricsLog}`);
  if (!names.has(fileNames.tensorboard)) return found;
  const folder = `${directory}/${fileNames.tensorboard}`;
  const events = new Set(await entriesOf(placeOf(root, folder)));
  for (let epoch = 0; events.has(eventsOf(epoch)); epoch++) await add(`${folder}/${eventsOf(epoch)}`);
  return found;
}

function eventsOf(epoch: number): string {
  return `epoch-${String(epoch).padStart(6, '0')}.tfevents`;
}
