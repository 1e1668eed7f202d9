import path from 'node:path';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { projectRoot } from '../../runtime/layout.ts';
import { freePort } from '../../runtime/free-port.ts';
import { findServer } from '../../runtime/temporal-server.ts';
import { nas, RunningNas } from '../support/nas.ts';
import { stageProcesses } from '../support/stage-processes.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

// npm run test:metrics: what workers tell a real Prometheus, and what that makes of it. It needs Debian's package `prometheus`.

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const folder = sharedFolder();
const rules = path.join(projectRoot, 'production/prometheus');
const dashboard = z
  .object({ panels: z.array(z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })) })) })
  .parse(JSON.parse(readFileSync(path.join(projectRoot, 'production/grafana/dashboard.json'), 'utf8')));

test('the alert rules are right, and each of them rings when it should and not otherwise', async () => {
  const run = promisify(execFile);
  expect((await run('promtool', ['check', 'rules', path.join(rules, 'alerts.yml')])).stdout).toContain('SUCCESS');
  expect((await run('promtool', ['test', 'rules', path.join(rules, 'alerts.test.yml')])).stdout).toContain('SUCCESS');
});

const file = path.join(folder, 'watched.yml');
writeFileSync(
  file,
  readFileSync('test/e2e/tiny.yml', 'utf8')
    .replace(/^name: .*$/m, 'name: watched')
    .replace(
      /^stages:$/m,
      'stages:\n  broken:\n    uses: command\n    retry: { attempts: 1 }\n    with: { run: ["false"] }',
    ),
);

test('of a parked stage, a trainer that stands still and a worker that is lost Prometheus raises the alerts, and the dashboard shows them', async () => {
  const environment = { NAS_HOME: path.join(folder, 'home'), NAS_RESULTS: path.join(folder, 'results') };
  const [up, lost, port] = [await freePort('127.0.0.1'), await freePort('127.0.0.1'), await freePort('127.0.0.1')];
  const all = new RunningNas(['up', '--json', '--metrics', `127.0.0.1:${up}`], environment);
  await all.prints('"devices"');
  const other = new RunningNas(
    ['worker', '--role', 'heavy', '--queue', 'other', '--cpu', '1', '--json', '--metrics', String(lost)],
    environment,
  );
  await other.prints('"devices"');
  const prometheus = startPrometheus(port, [up, lost]);
  try {
    expect(await nas(['start', file, '--set', 'stages.one-shot.with.epochs=500'], environment)).toMatchObject({
      code: 0,
    });
    const text = async (): Promise<string> => await (await fetch(`http://127.0.0.1:${up}/metrics`)).text();
    await expect.poll(text, { timeout: 120_000, interval: 500 }).toContain('nas_stage_kendall_tau{run="watched"');
    const checked = execFileSync('promtool', ['check', 'metrics'], { input: await text(), encoding: 'utf8' });
    expect(checked).toBe('');
    for (const pid of stageProcesses(all.pid, 'watched')) process.kill(pid, 'SIGSTOP');
    process.kill(other.pid, 'SIGKILL');

    const ask = async (query: string): Promise<unknown> =>
      await (await fetch(`http://127.0.0.1:${port}/api/v1/${query}`)).json();
    const firing = async (): Promise<string[]> => {
      const { data } = Alerts.parse(await ask('alerts'));
      return data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels['alertname'] ?? '');
    };
    await expect
      .poll(async () => (await firing()).toSorted(), { timeout: 120_000, interval: 1000 })
      .toEqual(expect.arrayContaining(['NasRunWaitsForPeople', 'NasStageStalls', 'NasWorkerLost']));
    const empty: string[] = [];
    for (const { title, targets } of dashboard.panels) {
      for (const { expr } of targets) {
        const answer = Answer.parse(await ask(`query?query=${encodeURIComponent(expr.replaceAll('$run', '.*'))}`));
        if (answer.data.result.length === 0) empty.push(title);
      }
    }
    // Nothing is evaluated while training stands still.
    expect(empty).toEqual(['Subnets tested a second']);
  } finally {
    prometheus.kill();
    await once(prometheus, 'exit');
    for (const pid of stageProcesses(all.pid, 'watched')) process.kill(pid, 'SIGKILL');
    if (findServer(environment.NAS_HOME) !== null) await nas(['cancel', 'watched'], environment);
    await all.interrupt();
  }
});

const Alerts = z.object({
  data: z.object({ alerts: z.array(z.object({ state: z.string(), labels: z.record(z.string(), z.string()) })) }),
});
const Answer = z.object({ status: z.literal('success'), data: z.object({ result: z.array(z.unknown()) }) });

/** With the rules as they are, but for patience: nothing has to last, and five seconds without a step are a stall. */
function startPrometheus(port: number, targets: readonly number[]) {
  const impatient = readFileSync(path.join(rules, 'alerts.yml'), 'utf8')
    .replaceAll(/for: \d+[mh]/g, 'for: 0s')
    .replace('> 1800', '> 5');
  writeFileSync(path.join(folder, 'alerts.yml'), impatient);
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['alerts.yml'],
    scrape_configs: [{ job_name: 'nas', static_configs: [{ targets: targets.map((one) => `127.0.0.1:${one}`) }] }],
  };
  // JSON is YAML.
  writeFileSync(path.join(folder, 'prometheus.yml'), JSON.stringify(config));
  return spawn(
    'prometheus',
    [
      `--config.file=${path.join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${path.join(folder, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
}
