import { expect, test } from 'vitest';
import { nas } from '../support/nas.ts';

test(
  'a run whose trainer, worker and server are killed gives the same bits as one left alone',
  { timeout: 240_000 },
  async () => {
    const { code, stdout } = await nas([
      'verify-resume',
      'test/e2e/kills.yml',
      '--kills',
      '4',
      '--seed',
      '1',
      '--json',
    ]);
    const found: unknown = JSON.parse(stdout);
    expect(found).toMatchObject({ ok: true, differences: 0 });
    expect(code).toBe(0);
    expect(found).toMatchObject({
      // A moment that comes after its work is over goes to the work that comes next, so not every one is fixed.
      kills: expect.arrayContaining([expect.objectContaining({ target: expect.any(String) })]),
      stages: ['evaluate', 'one-shot', 'ranking'].map((stage) => ({ directory: `kills/${stage}`, different: [] })),
    });
  },
);
