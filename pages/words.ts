import type { Interval } from '../nas/evaluation/agreement.ts';

/** Numbers and times as pages write them. */

/** `0.848`; a tau that is not defined is null in files. */
export function figure(value: number | null): string {
  return value === null || Number.isNaN(value) ? 'undefined' : value.toFixed(3).replace('-', '−');
}

/** `0.763 to 0.918`. */
export function range(low: number | null, high: number | null): string {
  return `${figure(low)} to ${figure(high)}`;
}

/** `0.848 (0.763 to 0.918)`. */
export function withRange({ estimate, low, high }: Pick<Interval, 'estimate' | 'low' | 'high'>): string {
  if (!Number.isFinite(estimate)) return figure(null);
  return `${figure(estimate)} (${range(low, high)})`;
}

/** A difference: `+0.012 (−0.020 to 0.041)`. */
export function signed(difference: Pick<Interval, 'estimate' | 'low' | 'high'>): string {
  return `${difference.estimate > 0 ? '+' : ''}${withRange(difference)}`;
}

/** A share of 0..1 as `57.5 %`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** `25 Nov 2026, 19:49 UTC`: the same on every machine that makes the page. */
export function moment(at: number): string {
  const text = new Date(at).toUTCString();
  return `${text.slice(5, 16)}, ${text.slice(17, 22)} UTC`;
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}
