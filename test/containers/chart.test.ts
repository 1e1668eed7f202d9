import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { load, loadAll } from 'js-yaml';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { freePort } from '../../runtime/free-port.ts';
import { keepServer } from '../../runtime/server-keeper.ts';
import { nas } from '../support/nas.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// npm run test:containers

const tools = process.env['NAS_CONTAINER_TOOLS'] ?? '';
const CHART = 'production/helm';

async function helm(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(path.join(tools, 'helm'), args)).stdout;
}

/** Values as a file, as people give them. */
function valuesFile(values: object): string {
  const file = path.join(temporaryFolder(), 'values.yml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(values));
  return file;
}

const rendered = async (values: object): Promise<string> =>
  await helm('template', 'team', CHART, '-f', valuesFile(values));

/** What Kubernetes, KEDA and Prometheus' operator would not take of these resources. */
async function faults(resources: string): Promise<string> {
  const validating = promisify(execFile)(
    'python3',
    [path.join(import.meta.dirname, 'validate.py'), path.join(tools, 'definitions')],
    { env: { ...process.env, PYTHONPATH: path.join(tools, 'python') } },
  );
  validating.child.stdin?.end(resources);
  return (await validating).stdout;
}

const resources = { requests: { cpu: '1' }, limits: { 'nvidia.com/gpu': 1 } };
const autoscaled = {
  autoscale: { most: 8, idleSeconds: 2, queues: ['gpu', 'gpu.8'] },
  args: ['--gpu', '0'],
  resources,
};
const temporal = { tlsSecret: 'temporal-tls', serverName: 'temporal.example', apiKeySecret: 'temporal-key' };
const bucket = { url: 's3://bucket/prefix?region=eu-west-1' };

test.each([
  ['a bucket', { results: bucket }],
  ['a volume', { results: { claim: 'results' } }],
  [
    'everything',
    {
      results: { ...bucket, credentialsSecret: 'keys' },
      temporal,
      heavy: { gpu: autoscaled },
      allowCommand: true,
      imagePullSecrets: [{ name: 'registry' }],
      networkPolicy: { metricsFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }] },
      podMonitor: { enabled: true },
    },
  ],
])('the chart is what a cluster takes, with %s', async (_, values) => {
  await helm('lint', '--strict', CHART, '-f', valuesFile(values));
  expect(await faults(await rendered(values))).toBe('');
});

test('a key that Kubernetes or KEDA does not know would be noticed', async () => {
  const known = await rendered({ results: bucket, heavy: { gpu: autoscaled } });
  const wrong = known.replace('replicas:', 'replica:').replace('maxReplicaCount:', 'maxReplicas:');
  expect(await faults(wrong)).toMatch(/'replica' was unexpected[^]*'maxReplicas' was unexpected/);
});

test('without a place for results nothing is rendered', async () => {
  await expect(rendered({})).rejects.toThrow(/results: expected url or claim, got neither/);
});

const Container = z.object({
  args: z.array(z.string()),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })),
  securityContext: z.object({ readOnlyRootFilesystem: z.literal(true), allowPrivilegeEscalation: z.literal(false) }),
});
const Worker = z.object({
  kind: z.literal('ScaledJob'),
  spec: z.object({
    jobTargetRef: z.object({ template: z.object({ spec: z.object({ containers: z.tuple([Container]) }) }) }),
  }),
});

test('a worker that is begun for work in the queue takes what the chart says, answers its probes, and ends by itself', async () => {
  const folder = temporaryFolder();
  const keeper = await keepServer(path.join(folder, 'home'), new AbortController().signal);
  onTestFinished(async () => await keeper.stop());
  const values = {
    results: bucket,
    temporal: { address: keeper.address },
    heavy: { cpu: { ...autoscaled, args: ['--cpu', '1'] } },
  };
  const workers = loadAll(await rendered(values)).flatMap((one) => Worker.safeParse(one).data ?? []);
  expect(workers).toHaveLength(1);
  const [{ args, env }] = workers[0]!.spec.jobTargetRef.template.spec.containers;
  const port = await freePort('127.0.0.1');
  const named = Object.fromEntries(env.map(({ name, value = '' }) => [name, value]));
  const ended = nas(
    args.map((text) => text.replace('0.0.0.0:9464', `127.0.0.1:${port}`)),
    { ...named, NAS_RESULTS: path.join(folder, 'results') },
  );
  const ask = async (probe: string): Promise<number> =>
    await fetch(`http://127.0.0.1:${port}${probe}`).then(
      ({ status }) => status,
      () => 0,
    );
  await expect.poll(async () => await ask('/readyz'), { timeout: 30_000 }).toBe(200);
  expect(await ask('/healthz')).toBe(200);
  expect((await ended).code).toBe(0);
});

test('the chart has the version of the package', () => {
  const Versions = z.object({ version: z.string(), appVersion: z.string() });
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')));
  const chart = Versions.parse(load(readFileSync(path.join(CHART, 'Chart.yaml'), 'utf8')));
  expect(chart).toEqual({ version, appVersion: version });
});
