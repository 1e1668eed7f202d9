import { describe, expect, test } from 'vitest';
import { fitRidge, momentsOf, valueOf, without } from '../../nas/evaluation/predictor/ridge.ts';
import { randomOf } from '../../nas/space/random.ts';

const FEATURES = 6;
const weights = Float64Array.from([2, 1, 1, 0.5, 0.2, 1]);
const { rows, targets } = observations(60);

/** Rows of unlike scales and a target that half depends on them. */
function observations(count: number): { rows: Float64Array[]; targets: Float64Array } {
  const random = randomOf(7, 'ridge');
  const made = Array.from({ length: count }, () =>
    Float64Array.from({ length: FEATURES }, (_, i) => 10 * i + (1 + i) ** 2 * random.normal()),
  );
  return { rows: made, targets: Float64Array.from(made, (row) => row[1]! - row[3]! / 9 + 2 * random.normal()) };
}

/** Solves A·x = b by elimination with pivoting. */
function solve(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const table = a.map((row, i) => [...row, b[i]!]);
  for (let column = 0; column < table.length; column++) {
    const rest = table.slice(column);
    const pivot = rest.reduce((best, row) => (Math.abs(row[column]!) > Math.abs(best[column]!) ? row : best));
    const place = table.indexOf(pivot);
    [table[column], table[place]] = [pivot, table[column]!];
    for (const [index, row] of table.entries()) {
      if (index === column) continue;
      const factor = row[column]! / pivot[column]!;
      table[index] = row.map((value, at) => value - factor * pivot[at]!);
    }
  }
  return table.map((row, i) => row.at(-1)! / row[i]!);
}

/** Standardised features and centred targets. */
function standard(): { x: number[][]; y: number[] } {
  const n = rows.length;
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / n;
  const columns = Array.from({ length: FEATURES }, (_, i) => {
    const column = rows.map((row) => row[i]!);
    const centred = column.map((value) => value - mean(column));
    const deviation = Math.sqrt(mean(centred.map((value) => value ** 2)));
    return centred.map((value) => value / deviation);
  });
  const level = mean([...targets]);
  return { x: rows.map((_, at) => columns.map((column) => column[at]!)), y: Array.from(targets, (t) => t - level) };
}

/** Coefficients of the standardised features by the normal equations. */
function plainRidge(x: readonly number[][], y: readonly number[], lambda: number): number[] {
  const n = x.length;
  const normal = Array.from({ length: FEATURES }, (_, i) =>
    Array.from({ length: FEATURES }, (__, j) => {
      const product = x.reduce((sum, row) => sum + row[i]! * row[j]!, 0) / n;
      return product + (i === j ? lambda / weights[i]! ** 2 : 0);
    }),
  );
  return solve(
    normal,
    Array.from({ length: FEATURES }, (_, i) => x.reduce((sum, row, at) => sum + row[i]! * y[at]!, 0) / n),
  );
}

describe('ridge regression', () => {
  test.each([1e-5, 0.03, 1, 50])('with penalty %d is what the normal equations give', (lambda) => {
    const { x, y } = standard();
    const plain = plainRidge(x, y, lambda);
    const level = targets[0]! - y[0]!;
    const fit = fitRidge(momentsOf(rows, targets), weights, [lambda]);
    for (const [at, row] of rows.entries()) {
      expect(valueOf(fit, row)).toBeCloseTo(level + x[at]!.reduce((sum, value, i) => sum + value * plain[i]!, 0), 8);
    }
  });

  test('chooses the penalty whose generalised cross-validation error is least', () => {
    const { x, y } = standard();
    const n = x.length;
    const lambdas = [1e-4, 1e-2, 0.1, 0.3, 1, 3, 10];
    const errors = lambdas.map((lambda) => {
      const predict = (target: readonly number[]): number[] => {
        const c = plainRidge(x, target, lambda);
        return x.map((row) => row.reduce((sum, value, i) => sum + value * c[i]!, 0));
      };
      const residual = predict(y).reduce((sum, value, at) => sum + (y[at]! - value) ** 2, 0) / n;
      // The trace of the matrix that turns targets into predictions, one unit target after the other.
      const trace = y.reduce((sum, _, at) => sum + predict(y.map((__, index) => Number(index === at)))[at]!, 1);
      return residual / (1 - (1.4 * trace) / n) ** 2;
    });
    const best = lambdas[errors.indexOf(Math.min(...errors))];
    expect(fitRidge(momentsOf(rows, targets), weights, lambdas).lambda).toBe(best);
  });

  test('gives the same when observations are taken away from sums as when they were never added', () => {
    const less = without(momentsOf(rows, targets), momentsOf(rows.slice(0, 20), targets.slice(0, 20)));
    const straight = momentsOf(rows.slice(20), targets.slice(20));
    const [a, b] = [fitRidge(less, weights), fitRidge(straight, weights)];
    expect(a.lambda).toBe(b.lambda);
    for (const row of rows) expect(valueOf(a, row)).toBeCloseTo(valueOf(b, row), 8);
  });

  test('takes no notice of a feature that is constant, however large', () => {
    const constant = rows.map((row) => Float64Array.from([...row, 1e6]));
    const fit = fitRidge(momentsOf(constant, targets), Float64Array.from([...weights, 1]));
    const plain = fitRidge(momentsOf(rows, targets), weights);
    expect(fit.coefficients[FEATURES]).toBe(0);
    for (const row of rows) expect(valueOf(fit, Float64Array.from([...row, 1e6]))).toBeCloseTo(valueOf(plain, row), 9);
  });
});
