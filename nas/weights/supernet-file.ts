import { parameterLayout } from '../space/layout.ts';
import type { Space } from '../space/space.ts';
import { SafetensorsError } from './safetensors.ts';

// What makes a safetensors file a supernet: names and shapes. Loads no TensorFlow.

/** What a supernet file must fit. */
interface SupernetShape {
  readonly space: Space;
  /** K: 1 is the one-shot supernet. */
  readonly groups: number;
  readonly classes: number;
}

/** A file's metadata, and its tensors by name and shape. */
interface Listed {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

// What the original's state_dict has beside parameters; statistics are calibrated anew for every subnet.
const PASSED_OVER = /\.(running_mean|running_var|num_batches_tracked)$|\.bn_tracking\./;

/** Whether a tensor of the original's state_dict is a parameter. */
export function isParameter(name: string): boolean {
  return !PASSED_OVER.test(name);
}

/** The parameter's name without what DistributedDataParallel (`module`) and torch.compile (`_orig_mod`) put into it. */
export function parameterName(name: string): string {
  return name
    .split('.')
    .filter((part) => part !== 'module' && part !== '_orig_mod')
    .join('.');
}

/**
 * Checks that a file, ours or one that the original wrote, has exactly the parameters of a supernet.
 * @param where named in errors
 * @throws SafetensorsError naming the first that is missing, of another shape, or foreign
 */
export function checkSupernet(where: string, { metadata, tensors }: Listed, shape: SupernetShape): void {
  const { space, groups, classes } = shape;
  const said: [string, string | undefined, string][] = [
    ['space', metadata['space'], space.name],
    ['groups', metadata['groups'], String(groups)],
    ['classes', metadata['classes'], String(classes)],
  ];
  for (const [what, got, expected] of said) {
    if (got !== undefined && got !== expected) {
      throw new SafetensorsError(`${where}: expected a supernet with ${what} ${expected}, got ${what} ${got}`);
    }
  }
  const found = new Map<string, string>();
  for (const { name: written, shape: given } of tensors.filter(({ name }) => isParameter(name))) {
    const name = parameterName(written);
    if (found.has(name)) {
      throw new SafetensorsError(
        `${where}: expected each parameter once, got ${name} again as ${written}; save one of them`,
      );
    }
    found.set(name, given.join('×'));
  }
  for (const { name, shape: expected } of parameterLayout(space, groups, classes)) {
    const got = found.get(name) ?? 'nothing';
    if (got !== expected.join('×')) {
      throw new SafetensorsError(`${where}: ${name}: expected ${expected.join('×')}, got ${got}; another space or K?`);
    }
    found.delete(name);
  }
  const [foreign] = found.keys();
  if (foreign !== undefined) {
    throw new SafetensorsError(
      `${where}: expected only the supernet's parameters, got ${foreign}; another space or K?`,
    );
  }
}

/** K as the metadata say it, else the number of classifiers. */
export function groupsIn({ metadata, tensors }: Listed): number {
  const said = Number(metadata['groups']);
  if (Number.isInteger(said) && said > 0) return said;
  const classifiers = tensors.filter(({ name }) => /^classifier.*\.linear\.linear\.weight$/.test(parameterName(name)));
  return Math.max(1, classifiers.length);
}
