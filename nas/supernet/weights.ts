import { parameterLayout } from '../space/layout.ts';
import { Supernet } from './network.ts';
import type { SupernetOptions } from './network.ts';
import { toInternal } from './parameters.ts';
import { readSafetensors, SafetensorsError, writeSafetensors } from './safetensors.ts';

// What the original's state_dict has beside parameters; statistics are calibrated anew for every subnet.
const PASSED_OVER = /\.(running_mean|running_var|num_batches_tracked)$|\.bn_tracking\./;

/**
 * Writes a supernet's parameters with the names, shapes and layout of the original's state_dict.
 * @param metadata what the file shall say of itself beside space, groups and classes: epoch, tau …
 */
export function saveSupernet(
  net: Supernet,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): { sha256: string; bytes: number } {
  const { space, groups, classes } = net;
  // A getter, so that one parameter at a time is copied out.
  const tensors = [...net.parameters].map((parameter) => ({
    name: parameter.name,
    shape: parameter.shape,
    get data(): Float32Array {
      return parameter.read();
    },
  }));
  return writeSafetensors(path, tensors, {
    format: 'pt',
    space: space.name,
    groups: String(groups),
    classes: String(classes),
    ...metadata,
  });
}

/**
 * Reads a supernet, ours or one that the original wrote (whose `module.` prefixes are dropped and whose BN statistics
 * are passed over).
 * @throws SafetensorsError for a file that does not have exactly the parameters of this space, K and number of classes
 */
export function loadSupernet(path: string, options: SupernetOptions): Supernet {
  const { space, groups, classes } = options;
  const { metadata, tensors } = readSafetensors(path, (name) => !PASSED_OVER.test(name));
  const said: [string, string | undefined, string][] = [
    ['space', metadata['space'], space.name],
    ['groups', metadata['groups'], String(groups)],
    ['classes', metadata['classes'], String(classes)],
  ];
  for (const [what, got, expected] of said) {
    if (got !== undefined && got !== expected) {
      throw new SafetensorsError(`${path}: expected a supernet with ${what} ${expected}, got ${what} ${got}`);
    }
  }
  const byName = new Map(tensors.map((entry) => [entry.name.replace(/^module\./, ''), entry]));
  const layout = parameterLayout(space, groups, classes);
  // All is checked before anything is built.
  for (const { name, shape } of layout) {
    const got = byName.get(name)?.shape.join('×') ?? 'nothing';
    if (got !== shape.join('×')) {
      throw new SafetensorsError(`${path}: ${name}: expected ${shape.join('×')}, got ${got}; another space or K?`);
    }
  }
  const known = new Set(layout.map(({ name }) => name));
  const foreign = [...byName.keys()].find((name) => !known.has(name));
  if (foreign !== undefined) {
    throw new SafetensorsError(`${path}: expected only the supernet's parameters, got ${foreign}; another space or K?`);
  }
  return new Supernet(options, (spec) => toInternal(spec, byName.get(spec.name)!.data));
}
