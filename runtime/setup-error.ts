/** What a person can mend: the message says what was expected, what was found and what to do about it. */
export class SetupError extends Error {}

/** Runs `code` of an error thrown by Node's file functions through the one thing worth telling apart: a full disk. */
export function explain(error: unknown, home: string): string {
  if (error instanceof SetupError) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  if (/ENOSPC|EDQUOT|No space left|quota exceeded/i.test(text)) {
    return `setup: expected room in ${home}, got a full disk; free some space, or set NAS_RUNTIME to a folder with more`;
  }
  return `setup: ${text}; run it again, it goes on where it stopped`;
}
