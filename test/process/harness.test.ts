import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { FencedError } from '../../artifacts/stage.ts';
import { BadInput, endingOf, KnownError } from '../../plan/endings.ts';
import { claimFor, jobOf, startStage } from '../support/stage-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { programFile } from '../../runtime/layout.ts';

const toy = 'test/support/toy-stage.ts';

async function start(ending: string) {
  const folder = temporaryFolder();
  return await startStage(toy, jobOf('train-supernet', folder, 'toy', { ending }), folder);
}

describe('a stage process', () => {
  test('says what it made and ends with 0, with the threads it was given', async () => {
    const stage = await start('done');
    expect(await stage.ended).toMatchObject({ code: 0 });
    expect(stage.messages).toEqual([{ version: 1, type: 'done', outputs: { threads: '1' } }]);
  });

  test('stops when told to, says so and ends with 0', async () => {
    const stage = await start('never');
    await stage.when(({ type }) => type === 'progress');
    stage.child.kill('SIGTERM');
    expect(await stage.ended).toMatchObject({ code: 0, signal: null });
    expect(stage.messages.at(-1)).toEqual({ version: 1, type: 'stopped' });
  });

  test('reports progress a few times a second, not at every step', async () => {
    const stage = await start('never');
    const begin = Date.now();
    await stage.when((message) => message.type === 'progress' && message.step > 0);
    expect(stage.messages.length).toBeLessThanOrEqual(3 + (Date.now() - begin) / 100);
    stage.child.kill('SIGKILL');
  });

  test('ends at once when its parent is lost', async () => {
    const stage = await start('never');
    await stage.when(({ type }) => type === 'progress');
    const begin = Date.now();
    stage.child.disconnect();
    expect(await stage.ended).toMatchObject({ code: 1 });
    expect(Date.now() - begin).toBeLessThan(5000);
    expect(stage.messages.every(({ type }) => type === 'progress')).toBe(true);
  });

  test('fails for good on NaN, and for another try on an error that nobody awaited', async () => {
    const [nan, crash] = [await start('nan'), await start('crash')];
    expect(await nan.ended).toMatchObject({ code: 1 });
    expect(nan.messages.at(-1)).toMatchObject({ ending: 'NaNLoss' });
    expect(await crash.ended).toMatchObject({ code: 1, log: expect.stringContaining('nobody awaits') });
    expect(crash.messages.at(-1)).toMatchObject({ ending: 'Crashed' });
  });

  test('refuses a bad job by naming every wrong key', async () => {
    const folder = temporaryFolder();
    const job = { ...jobOf('train-supernet', folder, 'toy', {}), version: 2, threads: 0 };
    const stage = await startStage(toy, job, folder);
    expect(await stage.ended).toMatchObject({ code: 1 });
    const message: unknown = expect.stringMatching(/job-.*\.json\.version: .*\n.*\.threads: /);
    expect(stage.messages[0]).toMatchObject({ ending: 'BadInput', message });
  });

  test('refuses a kind that it does not do', async () => {
    const folder = temporaryFolder();
    const stage = await startStage(toy, jobOf('evaluate-subnets', folder, 'toy', {}), folder);
    await stage.ended;
    expect(stage.messages[0]).toMatchObject({
      message: expect.stringMatching(/^job\.kind: expected .*train-supernet/),
    });
  });

  test('prints its messages as JSON lines when it is run by hand', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'job.json');
    const job = jobOf('train-supernet', folder, 'toy', { ending: 'done' });
    await claimFor(job);
    writeFileSync(file, JSON.stringify(job));
    const output = execFileSync(process.execPath, [programFile(toy), file], { encoding: 'utf8' });
    expect(
      output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([{ version: 1, type: 'done', outputs: { threads: '1' } }]);
  });
});

test('errors say themselves how the stage ends', () => {
  const token = { workflowId: 'w', runId: 'r', stage: 's', round: 1, attempt: 1 };
  expect(endingOf(new FencedError('run/stage', token, null))).toBe('Fenced');
  expect(endingOf(new BadInput('x'))).toBe('BadInput');
  expect(endingOf(new KnownError('NaNLoss', 'x'))).toBe('NaNLoss');
  expect(endingOf(new Error('CUDA_ERROR_OUT_OF_MEMORY: out of memory'))).toBe('OutOfMemory');
  expect(endingOf(new RangeError('x'))).toBe('Crashed');
  expect(endingOf('a string')).toBe('Crashed');
});
