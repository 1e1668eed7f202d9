import { stripVTControlCharacters } from 'node:util';

/** A horizontal bar of `width` cells, filled in eighths of a cell; `fraction` is cut to 0..1. */
export function bar(fraction: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction)) * width * 8);
  const part = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? '';
  return ('█'.repeat(Math.floor(eighths / 8)) + part).padEnd(width, '░');
}

const widthOf = (text: string): number => stripVTControlCharacters(text).length;

/**
 * Rows of cells laid out in columns two spaces apart, each as wide as its widest cell; colours do not count.
 * The last cell of a row is not padded. Columns that are empty in every row are left out.
 */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(0, ...rows.map((row) => widthOf(row[column] ?? ''))),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => ({ cell, width: widths[column] ?? 0 }))
      .filter(({ width }) => width > 0)
      .map(({ cell, width }) => cell + ' '.repeat(width - widthOf(cell)))
      .join('  ')
      .trimEnd(),
  );
}
