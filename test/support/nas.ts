import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';

const CLONE = path.resolve(import.meta.dirname, '../..');

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Environment = Readonly<Record<string, string>>;

const nasOf = (clone: string): string => path.join(clone, 'cli/nas.mjs');

/** Runs the real command line to its end, in the current folder or in another. */
export async function nas(
  args: readonly string[],
  environment: Environment = {},
  cwd?: string,
  clone = CLONE,
): Promise<Ended> {
  return await new Promise((resolve) => {
    const env = { ...process.env, ...environment };
    execFile(process.execPath, [nasOf(clone), ...args], { env, cwd }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** The command line while it runs. */
export class RunningNas {
  readonly #child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], environment: Environment = {}, clone = CLONE) {
    const env = { ...process.env, ...environment };
    const child = spawn(process.execPath, [nasOf(clone), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (text: Buffer) => (this.#stdout += text.toString()));
    child.stderr.on('data', (text: Buffer) => (this.#stderr += text.toString()));
    this.#child = child;
    this.ended = new Promise((resolve) => {
      child.once('close', (code) => resolve({ code: code ?? -1, stdout: this.#stdout, stderr: this.#stderr }));
    });
  }

  /** What it has printed so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** What it has logged so far. */
  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits until it has printed the text. */
  async prints(text: string): Promise<void> {
    let isOver = false;
    void this.ended.then(() => (isOver = true));
    while (!this.#stdout.includes(text)) {
      if (isOver) throw new Error(`expected ${JSON.stringify(text)}, got\n${this.#stdout}${this.#stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Presses Ctrl-C and waits for the end. */
  async interrupt(): Promise<Ended> {
    this.#child.kill('SIGINT');
    return await this.ended;
  }
}
