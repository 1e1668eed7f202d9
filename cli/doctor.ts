import pc from 'picocolors';
import type { Command } from 'commander';
import { jsonOption, output } from './options.ts';
import { columns } from './view/format.ts';
import { diagnose } from '../runtime/diagnose.ts';

export function define(command: Command): void {
  command.addOption(jsonOption()).action(doctor);
}

async function doctor({ json }: { json?: true }): Promise<void> {
  const checks = await diagnose();
  const ok = checks.every((check) => check.ok);
  if (!ok) process.exitCode = 1;
  output(json, { ok, checks }, () => {
    const rows = checks.map((check) => [check.ok ? pc.green('✓') : pc.red('✗'), check.name, check.found]);
    const remedies = checks
      .filter(({ ok: fine, remedy }) => !fine && remedy !== '')
      .map(({ name, expected, remedy }) => `${name}: expected ${expected}; ${remedy}`);
    return [...columns(rows), ...remedies].join('\n');
  });
}
