import { execFile } from 'node:child_process';
import path from 'node:path';

const NAS = path.resolve(import.meta.dirname, '../../cli/nas.mjs');

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command line to its end. */
export async function nas(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return await new Promise((resolve) => {
    const env = { ...process.env, ...environment };
    execFile(process.execPath, [NAS, ...args], { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}
