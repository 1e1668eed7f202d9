import { MockActivityEnvironment } from '@temporalio/testing';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { performStage } from '../../activities/attempt.ts';
import { selectEpoch } from '../../activities/select-epoch.ts';
import { sha256Of } from '../../artifacts/files.ts';
import { JsonMap } from '../../artifacts/json.ts';
import type { EpochRecord, Manifest } from '../../artifacts/manifest.ts';
import { readManifest } from '../../artifacts/results.ts';
import { fingerprintOf } from '../../pipelines/fingerprint.ts';
import { kindOf } from '../../pipelines/kinds/catalogue.ts';
import type { ChosenEpoch } from '../../plan/choice.ts';
import type { SelectInput, StageInput, StageResult } from '../../plan/results.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';

const uses = 'train-supernet';
// The run that the activities of these tests are of.
const directory = 'test/one-shot';
const { config } = kindOf(uses).taskOf(JsonMap.parse(JSON.parse(JSON.stringify(tinySupernet()))), 'with');
const input: StageInput = { stage: 'one-shot', uses, directory, round: 1, with: config };

function epochOf(epoch: number): EpochRecord {
  const file = `${directory}/0.${epoch}000_${epoch}.safetensors`;
  const [min, max] = [
    { top1: 0, top5: 0 },
    { top1: 1, top5: 1 },
  ];
  const measured = { tau: epoch / 10, interval: null, loss: 1, min, max, groundTruth: [1] };
  return { epoch, file, sha256: sha256Of(`supernet ${epoch}`), bytes: 10, ...measured };
}

let root = '';
const placeOf = (epoch: number): string => path.join(root, epochOf(epoch).file!);

/** A stage that has trained two epochs, of which one was chosen. */
async function trained(selection: Manifest['selection']): Promise<void> {
  root = temporaryFolder();
  vi.stubEnv('NAS_RESULTS', root);
  mkdirSync(path.join(root, directory), { recursive: true });
  for (const epoch of [0, 1]) writeFileSync(placeOf(epoch), `supernet ${epoch}`);
  const made = { config, fingerprint: fingerprintOf(uses, config), epochs: [0, 1].map(epochOf), selection };
  await finishedStage(root, directory, uses, made);
}

async function nothing(): Promise<never> {
  throw new Error('there is nothing left to do');
}

async function asked(given: StageInput): Promise<StageResult> {
  return await performStage(given, nothing);
}

async function perform(): Promise<StageResult> {
  return await new MockActivityEnvironment().run<[StageInput], StageResult, typeof asked>(asked, input);
}

const chosen: ChosenEpoch = { epoch: 1, by: 'person', who: 'ada', why: 'it is flatter' };
const selection = { ...chosen, tau: 0.1, when: '2026-01-01T00:00:00.000Z' };

beforeEach(() => vi.unstubAllEnvs());

test("a person's choice is not asked for again while its supernet is there, and a rule's is made anew", async () => {
  await trained(selection);
  expect(await perform()).toMatchObject({ outputs: null, chosen, choices: [{ epoch: 0 }, { epoch: 1 }] });
  rmSync(placeOf(1));
  expect(await perform()).toMatchObject({ outputs: null, chosen: null, choices: [{ epoch: 0 }] });
  await trained({ ...selection, by: 'rule' });
  expect((await perform()).chosen).toBeNull();
});

async function select(): Promise<StageResult> {
  const given = { ...input, chosen };
  return await new MockActivityEnvironment().run<[SelectInput], StageResult, typeof selectEpoch>(selectEpoch, given);
}

test('a choice is recorded with who made it, and refused where the supernet is gone or was not kept', async () => {
  await trained(null);
  expect((await select()).outputs).toEqual({
    selected: { file: epochOf(1).file, sha256: epochOf(1).sha256, epoch: 1, tau: 0.1, groups: 1 },
  });
  expect((await readManifest(root, directory))?.selection).toMatchObject({ ...chosen, tau: 0.1 });
  rmSync(placeOf(1));
  await expect(select()).rejects.toMatchObject({
    type: 'BadInput',
    message: expect.stringContaining(
      `expected the supernet of epoch 1 in ${directory}, got none; choose another epoch`,
    ),
  });
});
