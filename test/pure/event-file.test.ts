import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventFile } from '../../nas/training/event-file.ts';
import { python } from '../../runtime/machine.ts';
import { readEvents } from '../support/event-reader.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const scalars = { 'train/loss': 2.5, 'val/Kendallta': -0.125 };

test.each([
  [
    [0, 1764100000.25, scalars],
    '1800000000000000a37f4b2209000010e88149da411a0d627261696e2e4576656e743a32f0f336af36000000000000004f578cef09000010e88149da4110002a290a110a0a747261696e2f6c6f737315000020400a140a0d76616c2f4b656e64616c6c746115000000be4e3b0f53',
  ],
  [
    [300, 1.5, { a: 0, 'b/c': NaN }],
    '1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c2400000000000000422b804d09000000000000f83f10ac022a160a080a016115000000000a0a0a03622f63150000c07fef1a3e79',
  ],
  [
    [128, 0, {}],
    '1800000000000000a37f4b220900000000000000001a0d627261696e2e4576656e743a32eedf28a30e00000000000000c5e5693f0900000000000000001080012a000654c9c1',
  ],
] as const)('the bytes of an event file are those of earlier versions: step %j', ([step, time, values], hex) => {
  expect(eventFile(step, time, values).toString('hex')).toBe(hex);
});

test('an event file is a greeting and one event with all scalars', () => {
  const file = path.join(temporaryFolder(), 'epoch-000300.tfevents');
  writeFileSync(file, eventFile(300, 1.5, scalars));
  const [greeting, event, ...more] = readEvents(file);
  expect(greeting?.fileVersion).toBe('brain.Event:2');
  expect(more).toEqual([]);
  expect(event?.step).toBe(300);
  const values = event?.summary?.value.map(({ tag, simpleValue }) => [tag, simpleValue]);
  expect(values).toEqual(Object.entries(scalars));
});

test("TensorBoard's own reader takes every point of a folder once", (context) => {
  if (spawnSync(python, ['-c', 'import tensorboard']).status !== 0) context.skip(`${python} has no tensorboard`);
  const folder = temporaryFolder();
  for (const epoch of [0, 1, 2]) {
    const bytes = eventFile(epoch, 1000 + epoch, { 'train/loss': 3 - epoch });
    writeFileSync(path.join(folder, `epoch-00000${epoch}.tfevents`), bytes);
  }
  const program = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
print(json.dumps([[e.step, e.value] for e in events.Scalars("train/loss")]))`;
  const { stdout, stderr } = spawnSync(python, ['-c', program, folder], { encoding: 'utf8' });
  expect(JSON.parse(stdout), stderr).toEqual([
    [0, 3],
    [1, 2],
    [2, 1],
  ]);
});
