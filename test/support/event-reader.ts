// A reader of TensorBoard's event files that shares no code with the writer; it reads what the format's documents say.
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { z } from 'zod';

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Event {
    optional int64 step = 2;
    string file_version = 3;
    Summary summary = 5;
  }
  message Summary { repeated Value value = 1; }
  message Value { string tag = 1; optional float simple_value = 2; }
`);
const Message = root.lookupType('Event');

const Event = z.object({
  step: z.number().optional(),
  fileVersion: z.string().optional(),
  summary: z.object({ value: z.array(z.object({ tag: z.string(), simpleValue: z.number() })) }).optional(),
});
type Event = z.infer<typeof Event>;

/** The events of a file, in order. */
export function readEvents(file: string): Event[] {
  const bytes = readFileSync(file);
  const events: Event[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    const message = Message.decode(bytes.subarray(at + 12, at + 12 + length));
    events.push(Event.parse(Message.toObject(message, { longs: Number })));
    at += 12 + length + 4;
  }
  return events;
}
