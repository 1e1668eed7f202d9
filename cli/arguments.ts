import { InvalidArgumentError } from 'commander';

/** Parses a whole number of 0 or more. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
}

/** Parses a whole number of 1 or more. */
export function positiveWhole(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError('expected a whole number above 0.');
  return value;
}

/** Parses a number above 0. */
export function positiveNumber(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError('expected a number above 0.');
  return value;
}

/** Collects the values of an option that may be given many times. */
export function collected(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
