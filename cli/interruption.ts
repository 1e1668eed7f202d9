/** What asks this process to end: Ctrl-C, an init system, a terminal that closes. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal that is raised once this process is asked to end; asked a second time, it ends at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ENDING_SIGNALS) process.once(signal, () => controller.abort());
  return controller.signal;
}
