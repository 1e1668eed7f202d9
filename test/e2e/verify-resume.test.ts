import { expect, test } from 'vitest';
import { isLong } from '../support/long.ts';
import { nas } from '../support/nas.ts';

// everything-killed.test.ts kills a run once, training-resume.test.ts compares the bits of a trainer that was killed.
test.runIf(isLong)(
  'a run whose trainer, worker and server are killed, in every phase, gives the same bits as one left alone',
  { timeout: 400_000 },
  async () => {
    const args = ['verify-resume', 'test/e2e/kills.yml', '--kills', '5', '--seed', '1', '--json'];
    const { code, stdout, stderr } = await nas(args);
    const found: unknown = JSON.parse(stdout);
    expect(found, stderr).toMatchObject({ ok: true, differences: 0, missed: 0 });
    expect(code).toBe(0);
    const anything: unknown = expect.anything();
    expect(found).toMatchObject({
      kills: Array.from({ length: 5 }, () => anything),
      phases: { training: anything, saving: anything, calibrating: anything, evaluating: anything, merging: anything },
      stages: ['evaluate', 'one-shot', 'ranking'].map((stage) => ({ directory: `kills/${stage}`, different: [] })),
    });
  },
);
