import { readFileSync } from 'node:fs';
import path from 'node:path';
import { atomicWrite } from '../../artifacts/files.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import { saveSupernet } from '../../nas/supernet/weights.ts';
import { newFolder, removeFolder, temporaryFolder } from './temporary-folder.ts';
import { tinySupernet } from './training-configs.ts';

/** Where it lies below a results root. */
const SUPERNET = 'run/one-shot/0.5_1.safetensors';

let made: { readonly weights: Buffer; readonly sha256: string } | undefined;

function untrained(): { readonly weights: Buffer; readonly sha256: string } {
  if (made !== undefined) return made;
  const folder = newFolder();
  const file = path.join(folder, 'net.safetensors');
  const net = Supernet.build({ space: tinySupernet().space, classes: 10, groups: 1, seed: 1 });
  const { sha256 } = saveSupernet(net, file);
  net.dispose();
  made = { weights: readFileSync(file), sha256 };
  removeFolder(folder);
  return made;
}

/** The supernet as configs name it. */
export function supernetOnDisk(): { file: string; sha256: string; epoch: number; groups: number } {
  return { file: SUPERNET, sha256: untrained().sha256, epoch: 1, groups: 1 };
}

/** A folder of results with the supernet in it. */
export async function resultsWithSupernet(): Promise<string> {
  const results = temporaryFolder();
  await atomicWrite(path.join(results, SUPERNET), untrained().weights);
  return results;
}
