import { InvalidArgumentError } from 'commander';

/** Parses a whole number of 0 or more. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
}

/** Collects the values of an option that may be given many times. */
export function collected(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
