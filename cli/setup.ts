import { Option } from 'commander';
import type { Command } from 'commander';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from '../runtime/layout.ts';

export function define(command: Command): void {
  command
    .addOption(new Option('--device <device>', 'what TensorFlow computes on').choices(['cpu', 'gpu']))
    .action(({ device }: { device?: 'cpu' | 'gpu' }) => {
      const options = device === undefined ? [] : ['--device', device];
      const program = path.join(root, 'runtime/setup/bootstrap.mjs');
      process.exitCode = spawnSync(process.execPath, [program, ...options], { stdio: 'inherit' }).status ?? 1;
    });
}
