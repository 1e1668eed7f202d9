import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { home } from '../runtime/layout.ts';
import { python } from '../runtime/machine.ts';

/**
 * A Python with PyTorch, the peer of the benchmarks: NAS_BENCH_PYTHON if it is set, else an environment of its own with
 * bench/requirements.txt, made when it is first asked for (a few GB, some minutes).
 */
export function benchPython(): string {
  const given = process.env['NAS_BENCH_PYTHON'];
  if (given) return given;
  const folder = join(home, 'bench-venv');
  const executable = join(folder, 'bin', 'python');
  const requirements = join(import.meta.dirname, 'requirements.txt');
  const note = join(folder, 'installed.txt');
  const wanted = readFileSync(requirements, 'utf8');
  if (existsSync(note) && readFileSync(note, 'utf8') === wanted) return executable;
  console.error('Installing PyTorch for the comparison (once) …');
  // What is there already is kept.
  if (!existsSync(executable)) execFileSync(python, ['-m', 'venv', folder], { stdio: 'inherit' });
  execFileSync(executable, ['-m', 'pip', 'install', '--quiet', '-r', requirements], { stdio: 'inherit' });
  writeFileSync(note, wanted);
  return executable;
}
