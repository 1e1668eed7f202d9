import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

/** The flag that every printing verb has. */
export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document and nothing else');
}

/** Adds what the verbs for a whole run share: `<run>` and `--json`. */
export function defineForRun(command: Command): Command {
  return command.argument('<run>', 'id of the run').addOption(jsonOption());
}

/** Prints what a verb found: the document with `--json`, else the text. */
export function output(json: boolean | undefined, document: unknown, text: () => string): void {
  process.stdout.write(json === true ? `${JSON.stringify(document, null, 2)}\n` : `${text()}\n`);
}

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
