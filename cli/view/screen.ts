import { stripVTControlCharacters } from 'node:util';

const ESCAPE = '\u001B[';
// In a group, so that `split` keeps it.
const COLOUR = new RegExp(`(${ESCAPE.replace('[', String.raw`\[`)}[0-9;]*m)`);

/** A block of lines at the end of a terminal that is redrawn in place. Lines are cut to the terminal's width, for a wrapped line would break the count. */
export class Screen {
  readonly #stream: NodeJS.WriteStream;
  #height = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** Replaces what was drawn before. Only as many lines as the terminal has are drawn; the last ones are left out. */
  draw(lines: readonly string[]): void {
    // A terminal that does not know its size says 0.
    const { rows, columns } = this.#stream;
    const shown = lines.slice(0, (rows || 24) - 1).map((line) => cut(line, columns || 80));
    const up = this.#height > 0 ? `${ESCAPE}${this.#height}A` : '';
    this.#stream.write(`${up}\r${shown.map((line) => `${line}${ESCAPE}K\n`).join('')}${ESCAPE}J`);
    this.#height = shown.length;
  }
}

/** Cuts a line with colours to `width` visible characters. */
export function cut(line: string, width: number): string {
  if (stripVTControlCharacters(line).length <= width) return line;
  let left = width - 1;
  let kept = '';
  for (const piece of line.split(COLOUR)) {
    if (piece.startsWith(ESCAPE)) kept += piece;
    else {
      const visible = piece.slice(0, left);
      left -= visible.length;
      kept += visible;
    }
  }
  return `${kept}…`;
}
