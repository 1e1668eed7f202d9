import type { Manifest } from '../manifest.ts';
import { fileNames, segmentsOf } from '../paths.ts';
import type { FileReference } from '../references.ts';

// The names of objects in a bucket, below the prefix of its address. Whatever becomes part of one is checked, so that
// nothing leads out of it.
//
//   runs/<run>/<stage>/manifest.json                      what is true of a stage
//   runs/<run>/<stage>/checkpoints/<name>.<sha256>        what it would go on from
//   runs/<run>/<stage>/older/<fingerprint>-<n>/manifest.json   what was set aside
//   runs/<run>/<stage>/trainer.log, trainer.1.log …
//   files/<sha256>                                        every other file of a run, by content
//   index/<fingerprint>/<run>/<stage>                     finished work, by fingerprint

export const RUNS = 'runs/';

export function manifestKey(directory: string, name: string = fileNames.firstManifest): string {
  return `${RUNS}${checked(directory)}/${name}`;
}

/** The directory whose manifest has that key; null for every other key, and for what was set aside. */
export function directoryOf(key: string): string | null {
  return isManifest(key) && !isAside(key) ? key.slice(RUNS.length, -END.length) : null;
}

/** Whether it is the key of a manifest that was set aside. */
export function isAside(key: string): boolean {
  return isManifest(key) && key.split('/').includes(fileNames.setAside);
}

/** The stage whose manifest was set aside under that key. */
export function stageOfAside(key: string): string {
  return key.slice(RUNS.length, key.lastIndexOf(`/${fileNames.setAside}/`));
}

const END = `/${fileNames.firstManifest}`;

function isManifest(key: string): boolean {
  return key.startsWith(RUNS) && key.endsWith(END);
}

export function asideKey(directory: string, { fingerprint, sequence }: Manifest): string {
  return manifestKey(`${directory}/${fileNames.setAside}/${fingerprint.slice(0, 12)}-${sequence}`);
}

/** Where the bytes of a file lie; one outside of all runs has its own name, for other tools. */
export function keyOf({ file, sha256 }: FileReference): string {
  const segments = segmentsOf(file);
  if (segments.length === 1) return file;
  const isCheckpoint = segments.at(-2) === fileNames.checkpoints;
  return isCheckpoint ? `${RUNS}${file}.${sha256}` : `files/${sha256}`;
}

export function indexKey(fingerprint: string, directory: string): string {
  return `index/${fingerprint}/${directory === '' ? '' : checked(directory)}`;
}

function checked(name: string): string {
  return segmentsOf(name).join('/');
}
