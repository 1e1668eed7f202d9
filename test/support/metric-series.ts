import { registry } from '../../activities/metrics.ts';

/** What Prometheus reads of one name: a line a series, without the name. */
export async function series(name: string): Promise<string[]> {
  const lines = (await registry.getSingleMetricAsString(name)).split('\n');
  return lines.filter((line) => !line.startsWith('#')).map((line) => line.slice(name.length));
}
