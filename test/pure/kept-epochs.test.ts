import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EpochRecord } from '../../artifacts/manifest.ts';
import { keptOf } from '../../nas/training/epoch-files.ts';

const accuracy = { top1: 0, top5: 0 };
const record = (tau: number | null, epoch: number): EpochRecord => ({
  epoch,
  tau,
  interval: null,
  file: `${epoch}.safetensors`,
  sha256: 'a'.repeat(64),
  bytes: 1,
  loss: 1,
  min: accuracy,
  max: accuracy,
  groundTruth: [1],
});
const epochs = fc.array(fc.option(fc.constantFrom(-0.5, 0, 0.25, 0.5, 0.75)), { minLength: 1, maxLength: 6 });

test('epochs stay whose tau is above min_tau, the best ones always, and all where there is no min_tau', () => {
  fc.assert(
    fc.property(epochs, fc.constantFrom(-1, 0.25, 0.5, 0.8), (taus, minTau) => {
      const all = taus.map(record);
      expect(keptOf(all, null)).toEqual(all);
      const known = taus.filter((tau) => tau !== null);
      const kept = keptOf(all, minTau);
      kept.forEach((one, at) => {
        const tau = taus[at]!;
        const isBest = known.length === 0 || (tau !== null && known.every((other) => other <= tau));
        const isKept = isBest || (tau !== null && tau > minTau);
        expect(one).toEqual(isKept ? all[at] : { ...all[at], file: null, sha256: null, bytes: null });
      });
    }),
    { numRuns: 300 },
  );
});
