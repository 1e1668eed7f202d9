import { BadInput } from '../../plan/endings.ts';

/** What a person can mend. Its message says what was expected, what was found and what to do about it. */
export class SetupError extends BadInput {}

/** The one sentence for whatever went wrong below the folder `home`; a full disk shows itself in many wordings. */
export function explain(error: unknown, home: string): string {
  if (error instanceof SetupError) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  if (/ENOSPC|EDQUOT|No space left|quota exceeded/i.test(text)) {
    return `setup: expected room in ${home}, got a full disk; free some space, or name a folder with more by NAS_RUNTIME`;
  }
  if (/EACCES|EPERM|EROFS|ENOTDIR|EEXIST|Permission denied|Read-only file system/i.test(text)) {
    return `setup: expected a folder that can be written, got ${home}; name another by NAS_RUNTIME, or run it as the user who owns this one`;
  }
  return `setup: expected to go through, got: ${text.trim()}; run it again, it goes on where it stopped`;
}

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
