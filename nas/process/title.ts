/** What a process at work on a stage calls itself: `ps`, `top` and `nvidia-smi` show `nas training my-run/one-shot`. */
export function titleOf(phase: string, directory: string): string {
  return `nas ${phase} ${directory}`;
}

/** What a title says; null for the command line of any other process. */
export function parseTitle(title: string): { readonly phase: string; readonly directory: string } | null {
  const [, phase, directory] = /^nas ([a-z]+) (\S+)$/.exec(title) ?? [];
  return phase === undefined || directory === undefined ? null : { phase, directory };
}
