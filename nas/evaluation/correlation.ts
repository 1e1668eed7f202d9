import { BadInput } from '../../plan/endings.ts';

/** A measure of how well two lists agree, in -1..1; NaN where it is not defined. */
export type Statistic = (a: Values, b: Values) => number;
export type Values = ArrayLike<number>;

/**
 * Kendall's tau-b (Kendall 1945, with its correction for ties), in O(n log n) by Knight's method (1966).
 * @returns NaN where either list is constant or has fewer than two values
 * @throws BadInput for lists of different lengths or with NaN in them
 */
export function kendallTau(a: Values, b: Values): number {
  assertPairs(a, b);
  const n = a.length;
  const order = sortedOrder(n, (i, j) => a[i]! - a[j]! || b[i]! - b[j]!);
  const tiedA = tiedPairs(n, (at) => a[order[at]!] === a[order[at - 1]!]);
  const tiedBoth = tiedPairs(n, (at) => a[order[at]!] === a[order[at - 1]!] && b[order[at]!] === b[order[at - 1]!]);
  const byA = Float64Array.from(order, (index) => b[index]!);
  // Pairs that a and b order differently are the exchanges of a merge sort by b.
  const discordant = sortCountingExchanges(byA);
  const tiedB = tiedPairs(n, (at) => byA[at] === byA[at - 1]);
  const pairs = (n * (n - 1)) / 2;
  const difference = pairs - tiedA - tiedB + tiedBoth - 2 * discordant; // concordant - discordant
  return clamp(difference / Math.sqrt((pairs - tiedA) * (pairs - tiedB)));
}

/** Pearson's correlation; NaN and errors as `kendallTau`. */
export function pearson(a: Values, b: Values): number {
  assertPairs(a, b);
  if (isConstant(a) || isConstant(b)) return NaN;
  const x = centred(a);
  const y = centred(b);
  const xNorm = norm(x);
  const yNorm = norm(y);
  return clamp(x.reduce((sum, value, index) => sum + (value / xNorm) * (y[index]! / yNorm), 0));
}

/** Spearman's correlation: Pearson's of the ranks, ties sharing their mean rank. */
export function spearman(a: Values, b: Values): number {
  assertPairs(a, b);
  return pearson(ranks(a), ranks(b));
}

/** Ranks from 1, ties sharing their mean rank. */
export function ranks(values: Values): Float64Array {
  const n = values.length;
  const order = sortedOrder(n, (i, j) => values[i]! - values[j]!);
  const result = new Float64Array(n);
  for (let start = 0, end = 0; start < n; start = end) {
    while (end < n && values[order[end]!] === values[order[start]!]) end++;
    for (let at = start; at < end; at++) result[order[at]!] = (start + 1 + end) / 2;
  }
  return result;
}

/** Values less their mean, divided by their standard deviation (of the population); all 0 where they are constant. */
export function standardised(values: Values): Float64Array {
  const x = centred(values);
  const deviation = norm(x) / Math.sqrt(x.length);
  return isConstant(values) ? new Float64Array(x.length) : x.map((value) => value / deviation);
}

/** @throws BadInput for lists of different lengths */
export function assertOneLength(a: Values, b: Values): void {
  if (a.length === b.length) return;
  throw new BadInput(`correlation: expected two lists of one length, got ${a.length} and ${b.length}`);
}

function assertPairs(a: Values, b: Values): void {
  assertOneLength(a, b);
  for (let i = 0; i < a.length; i++) {
    if (Number.isNaN(a[i]) || Number.isNaN(b[i]))
      throw new BadInput(`correlation: expected numbers, got NaN at position ${i}`);
  }
}

function sortedOrder(n: number, compare: (i: number, j: number) => number): Int32Array {
  return Int32Array.from({ length: n }, (_, index) => index).toSorted(compare);
}

/** Pairs inside runs of equal neighbours of a sorted list. */
function tiedPairs(n: number, equalsPrevious: (at: number) => boolean): number {
  let pairs = 0;
  let run = 0;
  for (let at = 1; at < n; at++) {
    run = equalsPrevious(at) ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

/** Sorts in place by merging; returns how many pairs stood in descending order. */
function sortCountingExchanges(values: Float64Array): number {
  const n = values.length;
  let from: Float64Array = values;
  let to: Float64Array = new Float64Array(n);
  let exchanges = 0;
  for (let width = 1; width < n; width *= 2) {
    for (let start = 0; start < n; start += 2 * width) {
      const middle = Math.min(start + width, n);
      const end = Math.min(start + 2 * width, n);
      for (let at = start, left = start, right = middle; at < end; at++) {
        if (right >= end || (left < middle && from[left]! <= from[right]!)) {
          to[at] = from[left++]!;
        } else {
          exchanges += middle - left;
          to[at] = from[right++]!;
        }
      }
    }
    [from, to] = [to, from];
  }
  if (from !== values) values.set(from);
  return exchanges;
}

function centred(values: Values): Float64Array {
  const x = Float64Array.from(values);
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  return x.map((value) => value - mean);
}

/** Euclidean length; scaled by the largest value, so that squares neither over- nor underflow. */
function norm(values: Float64Array): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest && largest * Math.sqrt(values.reduce((sum, value) => sum + (value / largest) ** 2, 0));
}

function isConstant(values: Values): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}

function clamp(correlation: number): number {
  return Math.max(-1, Math.min(1, correlation));
}
