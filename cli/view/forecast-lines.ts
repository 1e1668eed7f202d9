import pc from 'picocolors';
import type { Forecast } from '../forecast.ts';
import { columns } from './columns.ts';

/** What will become of stages and why, a line each after an empty one; nothing for none. */
export function forecastLines(forecasts: readonly Forecast[]): string[] {
  if (forecasts.length === 0) return [];
  const rows = forecasts.map(({ stage, will, why }) => [
    `${will === 'run' ? pc.cyan('▶') : pc.green('↺')} ${stage}`,
    will === 'run' ? `will run, ${why}` : why,
  ]);
  return ['', ...columns(rows)];
}
