import pc from 'picocolors';
import type { Estimate, Rate } from '../estimate.ts';
import { columns } from './columns.ts';
import { bytes, duration } from './format.ts';

/** What every stage will take, a line each after an empty one, and where the rate comes from; nothing where nothing is computed. */
export function estimateLines({ rate, stages, hours, memory, disk }: Estimate): string[] {
  if (stages.length === 0) return [];
  const time = rate.device === 'gpu' ? 'GPU-hours' : 'hours';
  const head = ['about', time, 'memory', 'results'].map((title) => pc.dim(title));
  const rows = stages.map((one) => [
    one.cells === 1 ? one.stage : `${one.stage}, ${one.cells} cells`,
    hoursInWords(one.hours),
    bytes(one.memory),
    `≤ ${bytes(one.disk)}`,
  ]);
  const all = ['all', hoursInWords(hours), `≤ ${bytes(memory)}`, `≤ ${bytes(disk)}`];
  return ['', ...columns([head, ...rows, all]), pc.dim(rateInWords(rate))];
}

/** Below an hour as minutes or seconds. */
function hoursInWords(hours: number): string {
  if (hours < 1) return duration(hours * 3_600_000);
  return hours >= 100 ? Math.round(hours).toLocaleString('en-US') : hours.toPrecision(3);
}

function rateInWords({ from, device, float32, bf16, bandwidth, operation }: Rate): string {
  const speed = float32 === bf16 ? plain(float32) : `${plain(float32)} (bf16: ${plain(bf16)})`;
  const place = device === 'gpu' ? 'a card' : 'a thread of this processor';
  const source = {
    given: 'as given',
    measured: 'as `nas doctor` measured here; --rate TFLOP/s for another device',
    assumed: 'assumed; `nas doctor` measures it here, --rate TFLOP/s gives it',
  }[from];
  return `at ${speed} TFLOP/s, ${plain(bandwidth)} GB/s and ${operation.toFixed(0)} µs an operation for ${place}, ${source}`;
}

function plain(value: number): string {
  return String(Number(value.toPrecision(3)));
}
