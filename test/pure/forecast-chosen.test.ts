import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { JsonMap } from '../../artifacts/json.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { forecast } from '../../cli/forecast.ts';
import { fingerprintOf } from '../../pipelines/fingerprint.ts';
import { kindOf } from '../../pipelines/kinds/catalogue.ts';
import type { JsonObject } from '../../plan/json.ts';
import type { Select } from '../../plan/plan.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { asked, planOf } from '../support/pipeline-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';

const uses = 'train-supernet';
const configOf = (more: JsonObject): JsonObject =>
  kindOf(uses).taskOf({ ...JsonMap.parse(JSON.parse(JSON.stringify(tinySupernet({ seed: 0 })))), ...more }, 'with')
    .config;

/** What is passed on of the epochs 0 to 2, whose taus are 0.1, 0.2 and 0.2. */
function selectedOf(epoch: number): JsonObject & { file: string; sha256: string } {
  const tau = Math.min(2, epoch + 1) / 10;
  return { file: `old/one/${tau}_${epoch}.safetensors`, sha256: sha256Of(`supernet ${epoch}`), epoch, tau, groups: 1 };
}

/** The results of a run `old`: one supernet, of which that epoch was chosen so, and one that inherits from it. */
async function made(chosen: number, by: 'rule' | 'person'): Promise<string> {
  const root = temporaryFolder();
  mkdirSync(path.join(root, 'old/one'), { recursive: true });
  const epochs = [0, 1, 2].map((epoch): Manifest['epochs'][number] => {
    const { file, sha256 } = selectedOf(epoch);
    writeFileSync(path.join(root, file), `supernet ${epoch}`);
    const accuracy = { top1: 0, top5: 0 };
    const measured = { tau: Math.min(2, epoch + 1) / 10, interval: null, loss: 1, min: accuracy, max: accuracy };
    return { epoch, file, sha256, bytes: 10, ...measured, groundTruth: [1] };
  });
  const selection = { epoch: chosen, tau: 0.1, by, who: 'ada', why: '', when: '2026-01-01T00:00:00.000Z' };
  const one = configOf({});
  const outputs = { selected: selectedOf(chosen) };
  await finishedStage(root, 'old/one', uses, {
    config: one,
    fingerprint: fingerprintOf(uses, one),
    epochs,
    selection,
    outputs,
  });
  const two = configOf({ groups: 2, inherit: selectedOf(chosen) });
  writeFileSync(path.join(root, 'old/table'), 'made');
  await finishedStage(root, 'old/two', uses, { config: two, fingerprint: fingerprintOf(uses, two), epochs, outputs });
  return root;
}

async function willOf(root: string, select: Select | null): Promise<Record<string, string>> {
  const inherit = '${{ stages.one.selected }}';
  const plan = planOf(
    { id: 'one', uses, with: configOf({}), select },
    { id: 'two', uses, needs: ['one'], with: { ...configOf({ groups: 2 }), inherit } },
  );
  return Object.fromEntries((await forecast(plan, root)).map(({ stage, will }) => [stage, will]));
}

test('what inherits is reused where the epoch that will be chosen is the one that it was made of', async () => {
  const bothReused = { one: 'be reused', two: 'be reused' };
  const latest: Select = { ...asked, wait: 'none' };
  // The rule will choose the latest of the best once more, and the first of them under another rule.
  expect(await willOf(await made(2, 'rule'), null)).toEqual(bothReused);
  expect(await willOf(await made(2, 'rule'), latest)).toEqual(bothReused);
  expect(await willOf(await made(1, 'rule'), { ...latest, rule: 'max' })).toEqual(bothReused);
  expect(await willOf(await made(1, 'rule'), latest)).toEqual({ one: 'be reused', two: 'run' });
  // Whom will be asked is not known to answer as the rule did; what a person has answered is not asked again.
  expect(await willOf(await made(2, 'rule'), asked)).toEqual({ one: 'be reused', two: 'run' });
  expect(await willOf(await made(0, 'person'), asked)).toEqual(bothReused);
  expect(await willOf(await made(0, 'person'), latest)).toEqual(bothReused);
});
