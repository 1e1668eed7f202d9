import { Supernet } from './supernet.ts';
import type { SupernetOptions } from './supernet.ts';
import { toInternal } from './memory-layout.ts';
import { readSafetensors, fillSafetensors } from '../weights/safetensors.ts';
import { checkSupernet, isParameter, parameterName } from '../weights/supernet-file.ts';

/**
 * Writes a supernet's parameters with the names, shapes and layout of the original's state_dict.
 * @param metadata to be stored beside space, groups and classes: epoch, tau …
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
  return fillSafetensors(path, tensors, {
    format: 'pt',
    space: space.name,
    groups: String(groups),
    classes: String(classes),
    ...metadata,
  });
}

/**
 * Reads a supernet, ours or one that PyTorch wrote: what DistributedDataParallel and torch.compile put into names is dropped, BN
 * statistics are passed over, and other floating-point types become float32, with a warning.
 * @throws SafetensorsError for a file that does not have exactly the parameters of this space, K and number of classes, or in
 * which one is not finite
 */
export function loadSupernet(path: string, options: SupernetOptions): Supernet {
  const { metadata, tensors, converted } = readSafetensors(path, isParameter);
  // All is checked before anything is built.
  checkSupernet(path, { metadata, tensors }, options);
  if (converted.length > 0) console.warn(`${path}: its numbers are ${converted.join(' and ')}, and read as float32`);
  const byName = new Map(tensors.map((entry) => [parameterName(entry.name), entry]));
  return new Supernet(options, (spec) => toInternal(spec, byName.get(spec.name)!.data));
}
