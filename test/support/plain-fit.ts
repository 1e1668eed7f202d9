/** The least squares of some rows by their normal equations, solved by elimination. */
export function plainFit(rows: readonly (readonly number[])[], targets: readonly number[]): number[] {
  const size = rows[0]!.length;
  const table = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (__, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    rows.reduce((sum, row, at) => sum + row[i]! * targets[at]!, 0),
  ]);
  for (let pivot = 0; pivot < size; pivot++) {
    for (let other = 0; other < size; other++) {
      if (other === pivot) continue;
      const factor = table[other]![pivot]! / table[pivot]![pivot]!;
      table[other] = table[other]!.map((value, at) => value - factor * table[pivot]![at]!);
    }
  }
  return table.map((row, at) => row[size]! / row[at]!);
}
