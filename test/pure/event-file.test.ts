import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { crc32c, eventFile } from '../../nas/training/epoch-metrics.ts';
import { python } from '../../runtime/machine.ts';
import { readEvents } from '../support/event-reader.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const scalars = { 'train/loss': 2.5, 'val/Kendallta': -0.125 };

test('checksums are those of the Castagnoli polynomial', () => {
  // RFC 3720, appendix B.4.
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc32c(new Uint8Array())).toBe(0);
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
