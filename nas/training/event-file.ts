import { crc32c } from '@node-rs/crc32';
import protobuf from 'protobufjs';
import { shippedFile } from '../../artifacts/paths.ts';

// TensorBoard's event files: protocol buffers in TFRecord framing.

/**
 * One event file: TensorBoard's greeting, then one event with a value for each tag.
 * @param step the place on the horizontal axis: an epoch
 * @param time of the event, in seconds since 1970
 * @param scalars by tag, in the units to be shown; kept as float32
 */
export function eventFile(step: number, time: number, scalars: Readonly<Record<string, number>>): Buffer {
  const Event = protobuf.loadSync(shippedFile('nas/training/event.proto')).lookupType('tensorboard.Event');
  const value = Object.entries(scalars).map(([tag, simpleValue]) => ({ tag, simpleValue }));
  const events = [
    { wallTime: time, fileVersion: 'brain.Event:2' },
    { wallTime: time, step, summary: { value } },
  ];
  return Buffer.concat(events.map((event) => tfRecord(Event.encode(event).finish())));
}

/** TFRecord: the length and its checksum, the bytes and theirs. */
function tfRecord(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, maskedChecksum(length), bytes, maskedChecksum(bytes)]);
}

// A checksum of bytes that hold checksums themselves says little, so TFRecord turns and shifts it.
function maskedChecksum(bytes: Uint8Array): Buffer {
  const crc = crc32c(bytes);
  const word = Buffer.alloc(4);
  word.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return word;
}
