import { stripVTControlCharacters } from 'node:util';

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
