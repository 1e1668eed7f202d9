import { z } from 'zod';
import { readSafetensors, SafetensorsError, writeSafetensors } from '../supernet/safetensors.ts';
import { Description } from './description.ts';
import { StaticNetwork } from './static-network.ts';

/** Writes a network as safetensors: tensors under torchvision's names, its description as JSON under `network`. */
export function writeNetwork(path: string, { description, tensors }: StaticNetwork): { sha256: string; bytes: number } {
  const metadata = { format: 'pt', arch: description.arch, network: JSON.stringify(description) };
  return writeSafetensors(path, tensors, metadata);
}

/** @throws SafetensorsError for a file that `writeNetwork` did not write */
export function readNetwork(path: string): StaticNetwork {
  const { metadata, tensors } = readSafetensors(path);
  const description = Text.pipe(Description).safeParse(metadata['network']);
  if (metadata['network'] === undefined) {
    throw new SafetensorsError(
      `${path}: expected a network that \`nas export\` wrote, got another safetensors file; a supernet is given by --supernet and --arch`,
    );
  }
  if (!description.success) {
    throw new SafetensorsError(`${path}: network: ${z.prettifyError(description.error)}; export it anew`);
  }
  return new StaticNetwork(description.data, tensors);
}

const Text = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'expected JSON' });
    return z.NEVER;
  }
});
