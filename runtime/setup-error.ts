/** What a person can mend. Its message says what was expected, what was found and what to do about it. */
export class SetupError extends Error {}

/** The one sentence for whatever went wrong below the folder `home`; a full disk shows itself in many wordings. */
export function explain(error: unknown, home: string): string {
  if (error instanceof SetupError) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  if (/ENOSPC|EDQUOT|No space left|quota exceeded/i.test(text)) {
    return `setup: expected room in ${home}, got a full disk; free some space, or set NAS_RUNTIME to a folder with more`;
  }
  return `setup: expected to go through, got: ${text.trim()}; run it again, it goes on where it stopped`;
}
