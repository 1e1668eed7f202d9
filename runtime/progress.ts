/** Prints what the set-up is doing, one line a step; on a terminal the line shows how far the step has come. */
export async function step<T>(label: string, body: (show: (state: string) => void) => Promise<T>): Promise<T> {
  const begin = Date.now();
  const live = process.stdout.isTTY;
  const rewrite = (text: string): boolean => process.stdout.write(`\r\u001B[K${text}`);
  if (live) rewrite(`setup: ${label}`);
  else console.log(`setup: ${label}`);
  try {
    const result = await body((state) => live && rewrite(`setup: ${label} ${state}`));
    const seconds = ((Date.now() - begin) / 1000).toFixed(1);
    if (live) rewrite(`setup: ${label} (${seconds} s)\n`);
    return result;
  } catch (error) {
    if (live) process.stdout.write('\n');
    throw error;
  }
}
