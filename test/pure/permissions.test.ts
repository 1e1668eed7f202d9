import { expect, test } from 'vitest';
import { checkPermitted, unlimited } from '../../activities/permissions.ts';
import type { Permissions } from '../../activities/permissions.ts';
import { permissionsIn } from '../../cli/worker-options.ts';
import { kindOf } from '../../pipelines/kinds/catalogue.ts';
import { isObject } from '../../plan/json.ts';
import type { JsonObject } from '../../plan/json.ts';
import { tinyStandalone, tinySupernet } from '../support/training-configs.ts';

/** What a worker says of a stage; null where it does it. */
function refusal(permissions: Permissions, uses: string, config: unknown): string | null {
  const given: JsonObject = JSON.parse(JSON.stringify(config));
  expect(isObject(given)).toBe(true);
  try {
    checkPermitted(permissions, kindOf(uses), { stage: 'one', uses, directory: 'run/one', round: 1, with: given });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const program = { run: ['rm', '-r', '/'] };

test('programs of plans run on the server of this clone, and on another one only if whoever starts the worker says so', () => {
  expect(permissionsIn({}, { isEmbedded: true }).commands).toBe(true);
  expect(permissionsIn({}, { isEmbedded: false }).commands).toBe(false);
  expect(permissionsIn({ allowCommand: true }, { isEmbedded: false }).commands).toBe(true);
  const foreign = permissionsIn({}, { isEmbedded: false });
  expect(refusal(foreign, 'command', program)).toMatch(/^one: expected a worker that runs the programs of plans/);
  expect(refusal(foreign, 'train-supernet', tinySupernet())).toBeNull();
  expect(refusal(unlimited, 'command', program)).toBeNull();
});

test('a stage that needs more memory, disk or threads than a worker gives is refused, and one that needs as much is not', () => {
  for (const [uses, config] of [
    ['train-supernet', tinySupernet()],
    ['train-standalone', tinyStandalone()],
  ] as const) {
    const { memory, disk } = kindOf(uses).costOf(JSON.parse(JSON.stringify(config)))!;
    const { threads } = config;
    const limited = (most: Permissions['most']): string | null => refusal({ commands: false, most }, uses, config);
    expect(limited({ memory, disk, threads })).toBeNull();
    expect(limited({ memory: memory - 1 })).toMatch(/at most .* GB of memory, got one of .*--most-memory$/);
    expect(limited({ disk: disk - 1 })).toMatch(/of disk/);
    expect(limited({ threads: threads - 1 })).toMatch(/threads/);
  }
  const { memory, threads } = permissionsIn({ mostMemory: 2, mostThreads: 3 }, { isEmbedded: true }).most;
  expect([memory, threads]).toEqual([2e9, 3]);
});
