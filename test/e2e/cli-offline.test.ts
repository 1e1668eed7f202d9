import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { finishedStage } from '../support/finished-stage.ts';
import { nas } from '../support/nas.ts';
import { plainStageFiles } from '../support/plain-stage-files.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Every command is a process of its own: seconds each where the machine is busy.
vi.setConfig({ testTimeout: 150_000 });

function pipelineFile(name: string, text: string): string {
  const file = path.join(temporaryFolder(), name);
  writeFileSync(file, text);
  return file;
}

test('nas plan shows every error of a file with its place, and ends with exit code 2', async () => {
  const file = pipelineFile('bad.yml', 'name: bad\nstages:\n  one:\n    uses: comand\n    needs: nobody\n');
  const { code, stdout, stderr } = await nas(['plan', file]);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(`${file}:4:11: stages.one.uses:`);
  expect(stderr).toContain(`${file}:5:12: stages.one.needs:`);
  expect(stderr).not.toContain('    at ');
});

test('with --json an error is one document on stdout, with each problem in it', async () => {
  const file = pipelineFile('worse.yml', 'name: worse\nstages:\n  one:\n    uses: comand\n');
  const { code, stdout, stderr } = await nas(['plan', file, '--json']);
  expect(code).toBe(2);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({ exitCode: 2, problems: [{ line: 4, column: 11, at: 'stages.one.uses' }] });
});

test('nas plan prints the tree, --mermaid the chart, and --json the plan itself', async () => {
  const text =
    'name: good\nparams: { word: hello }\nstages:\n  one:\n    uses: command\n    with: { run: [echo, "${{ params.word }}"] }\n';
  const file = pipelineFile('good.yml', text);
  const [tree, chart, json] = await Promise.all([
    nas(['plan', file, '--id', 'x']),
    nas(['plan', file, '--mermaid']),
    nas(['plan', file, '--json', '--set', 'word=bye']),
  ]);
  expect(tree.stdout).toContain('run x: 1 stage\n');
  expect(chart.stdout).toMatch(/^flowchart TD\n/);
  expect(JSON.parse(json.stdout)).toMatchObject({ id: 'good', stages: [{ with: { run: ['echo', 'bye'] } }] });
});

test('wrong usage ends with exit code 2 and says where help is', async () => {
  const [verb, argument, subnet, arch] = await Promise.all([
    nas(['bogus']),
    nas(['plan']),
    nas(['predict', 'shirt.png']),
    nas(['export', '--supernet', 'RUN/STAGE']),
  ]);
  expect(subnet).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('expected --model FILE, or --supernet FILE'),
  });
  expect(arch).toMatchObject({ code: 2, stderr: expect.stringContaining('got no --arch; `nas top RUN`') });
  expect(verb).toMatchObject({ code: 2, stdout: '' });
  expect(verb.stderr).toContain('nas --help');
  expect(argument).toMatchObject({ code: 2, stdout: '' });
});

async function createSchedule(...when: string[]): ReturnType<typeof nas> {
  return await nas(['schedule', 'create', 'pipelines/quickstart.yml', ...when]);
}

test('a schedule in a time zone that is nowhere, or one for a span of time, is refused before any server is asked', async () => {
  const [nowhere, span] = await Promise.all([
    createSchedule('--cron', '0 3 * * *', '--timezone', 'Nowhere/Town'),
    createSchedule('--every', '7d', '--timezone', 'Europe/Paris'),
  ]);
  expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('got "Nowhere/Town"') });
  expect(span).toMatchObject({ code: 2, stderr: expect.stringContaining('--timezone: expected it with --cron') });
});

test('nas doctor --json is one document that says whether all is well', async () => {
  const { code, stdout } = await nas(['doctor', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: code === 0,
    checks: expect.arrayContaining([expect.objectContaining({ name: 'libtensorflow' })]),
  });
});

const figure = { estimate: 0.5, low: 0.4, high: 0.6, standardError: 0.05, level: 0.95 };
const report = {
  groundTruth: { file: 'g.json', sha256: '', subnets: 30 },
  ceiling: null,
  // As release 0.1.0 wrote it.
  baselines: [{ name: 'blend', tau: figure }],
  supernets: [],
  ranking: { top1: 'r/2/top1_json_final.json', top5: 'r/2/top5_json_final.json', sha256: {}, subnets: 320 },
};

async function written(results: string, directory: string, made: object): Promise<void> {
  const files = await plainStageFiles(results, directory).put({ 'report.json': JSON.stringify(made) });
  await finishedStage(results, directory, 'report', { files: Object.values(files) });
}

test('nas report finds the report of a run among its results, and says so where there is none', async () => {
  const results = temporaryFolder();
  await written(results, 'r/report', report);
  await finishedStage(results, 'other/one', 'command', {});
  const [text, json, none, nobody] = await Promise.all([
    nas(['report', 'r'], { NAS_RESULTS: results }),
    nas(['report', 'r', '--json'], { NAS_RESULTS: results }),
    nas(['report', 'other'], { NAS_RESULTS: results }),
    nas(['report', 'nobody'], { NAS_RESULTS: results }),
  ]);
  expect(text).toMatchObject({ code: 0, stdout: expect.stringContaining('against 30 subnets') });
  expect(text.stdout).toContain('log parameters and depth  0.500');
  expect(text.stdout).toContain('320 subnets are ranked in ');
  expect(JSON.parse(json.stdout)).toMatchObject({ groundTruth: report.groundTruth, ranking: report.ranking });
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('nas status other') });
  expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining('`nas list` shows the runs') });
});

test('results belong to the clone: those of version 0.1.0 in the current folder are named, not read', async () => {
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, 'results/old/one'), { recursive: true });
  writeFileSync(path.join(folder, 'results/old/one/manifest.json'), '{}');
  const NAS_RESULTS = '';
  const [here, elsewhere] = await Promise.all([
    nas(['report', 'nothing'], { NAS_RESULTS }, folder),
    nas(['report', 'nothing'], { NAS_RESULTS }, temporaryFolder()),
  ]);
  expect(here).toMatchObject({ code: 2, stdout: '' });
  expect(here.stderr).toContain(`note: results are read from ${path.resolve('results')}, not from ${folder}/results,`);
  expect(elsewhere.stderr).not.toContain('note:');
});

test('nas report shows every report of a run', async () => {
  const results = temporaryFolder();
  for (const subnets of [30, 31]) {
    await written(results, `r/report-${subnets}`, { ...report, groundTruth: { ...report.groundTruth, subnets } });
  }
  const { stdout } = await nas(['report', 'r'], { NAS_RESULTS: results });
  expect(stdout).toMatch(/against 30 subnets[^]*against 31 subnets/);
});
