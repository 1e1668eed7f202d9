import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone this code lies in. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** What npm cannot install lies here: `.runtime/` of the clone, or the folder that NAS_RUNTIME names. */
export const home = resolve(root, process.env['NAS_RUNTIME'] || '.runtime');

export type Device = 'cpu' | 'gpu';

/** A link to the folder (cpu or gpu) of the libtensorflow that is in use. */
export const currentDevice = join(home, 'current');

/** The native binding between Node and libtensorflow. */
export const bindingFile = join(currentDevice, 'tfjs_binding.node');

/** The executable of the Temporal command line with its development server and UI. */
export const temporalCli = (): string => join(home, 'bin', 'temporal');
