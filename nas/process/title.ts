/** What a process at work on a stage calls itself: `ps`, `top` and `nvidia-smi` show `nas training my-run/one-shot`. */
export function titleOf(phase: string, directory: string): string {
  return `nas ${phase} ${directory}`;
}
