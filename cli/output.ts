import { Option } from 'commander';

/** The flag that every printing verb has. */
export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document and nothing else');
}

/** Prints what a verb found: the document with `--json`, else the text. */
export function output(json: boolean | undefined, document: unknown, text: () => string): void {
  process.stdout.write(json === true ? `${JSON.stringify(document, null, 2)}\n` : `${text()}\n`);
}
