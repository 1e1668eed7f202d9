import { expect, test } from 'vitest';
import { isLong } from '../support/long.ts';
import { nas } from '../support/nas.ts';

test('a run whose processes are killed gives the same bits as one left alone', { timeout: 400_000 }, async () => {
  const kills = isLong ? 5 : 1;
  const args = ['verify-resume', 'test/e2e/kills.yml', '--kills', String(kills), '--seed', '1', '--json'];
  const { code, stdout, stderr } = await nas(args);
  const found: unknown = JSON.parse(stdout);
  expect(found, stderr).toMatchObject({ ok: true, differences: 0, missed: 0 });
  expect(code).toBe(0);
  const anything: unknown = expect.anything();
  const inEveryPhase = ['training', 'saving', 'calibrating', 'evaluating', 'merging'].map((phase) => [phase, anything]);
  expect(found).toMatchObject({
    kills: Array.from({ length: kills }, () => anything),
    phases: isLong ? Object.fromEntries(inEveryPhase) : anything,
    stages: ['evaluate', 'one-shot', 'ranking'].map((stage) => ({ directory: `kills/${stage}`, different: [] })),
  });
});
