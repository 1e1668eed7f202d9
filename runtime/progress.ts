const rewrite = (text: string): boolean => process.stdout.write(`\r\u001B[K${text}`);

/** Prints what the set-up is doing, one line a step; on a terminal the line also shows how far the step has come. */
export async function step<T>(label: string, body: (show: (state: string) => void) => Promise<T>): Promise<T> {
  const begin = Date.now();
  if (!process.stdout.isTTY) {
    console.log(`setup: ${label}`);
    return body(() => {});
  }
  rewrite(`setup: ${label}`);
  try {
    const result = await body((state) => rewrite(`setup: ${label}: ${state}`));
    rewrite(`setup: ${label} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
    return result;
  } finally {
    process.stdout.write('\n');
  }
}
