import type { Interval } from '../nas/evaluation/agreement.ts';
import type { ChosenEpoch } from '../plan/choice.ts';

/** A span of time as people say it: `34s`, `2m 14s`, `1h 03m`, `2d 05h`. Takes milliseconds. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${twoDigits(seconds % 60)}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ${twoDigits((seconds % 3600) / 60)}m`;
  return `${Math.floor(seconds / 86_400)}d ${twoDigits((seconds % 86_400) / 3600)}h`;
}

function twoDigits(value: number): string {
  return String(Math.floor(value)).padStart(2, '0');
}

/** A count of multiply-accumulates in units of 10⁹, with three significant digits at least: `0.0123`, `3.00`, `51,200`. */
export function gmacs(macs: number): string {
  const billions = macs / 1e9;
  if (billions >= 1000) return Math.round(billions).toLocaleString('en-US');
  return billions >= 100 ? billions.toFixed(0) : billions.toPrecision(3);
}

/** A size in decimal units, as disks and cards are sold: `640 kB`, `1.25 MB`, `12.3 GB`, `1.20 TB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toPrecision(3)} ${units[power]}`;
}

/** A Kendall tau with its interval where it is known: `0.712 [0.551, 0.834]`. */
export function tau(value: number, interval?: readonly [number, number]): string {
  const shown = value.toFixed(3);
  return interval === undefined ? shown : `${shown} [${interval[0].toFixed(3)}, ${interval[1].toFixed(3)}]`;
}

/** An estimate with its interval, as tau above. What is not defined, NaN in a report, is null in its file. */
export function figure({ estimate, low, high }: Pick<Interval, 'estimate' | 'low' | 'high'>): string {
  if (!Number.isFinite(estimate)) return 'undefined';
  return Number.isFinite(low) && Number.isFinite(high) ? tau(estimate, [low, high]) : tau(estimate);
}

/** An epoch among all of a stage. They count from 0, as in the names of their files: `3 of 0..9`. */
export function epochOf(epoch: number, epochs: number | undefined): string {
  return epochs === undefined ? String(epoch) : `${epoch} of 0..${epochs - 1}`;
}

/** Which epoch was chosen by whom, and why where that was said. */
export function choiceInWords({ epoch, who, why }: Pick<ChosenEpoch, 'epoch' | 'who' | 'why'>): string {
  return `epoch ${epoch} chosen by ${who}${why === '' ? '' : `: ${why}`}`;
}

/** `1 epoch`, `2,000 epochs`. */
export function many(value: number, word: string): string {
  return `${value.toLocaleString('en-US')} ${word}${value === 1 ? '' : 's'}`;
}

/** A word of a command as a shell needs it. */
export function shellWord(word: string): string {
  return /^[\w./=:,+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
