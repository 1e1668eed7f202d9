import { closeSync, openSync, readSync } from 'node:fs';

// Tar as POSIX calls it (ustar): what every tool reads. A member is a block with its name and size, then its bytes, filled
// up to whole blocks; two empty blocks are the end.

const BLOCK = 512;
const NAME = { at: 0, bytes: 100 };
const SIZE = { at: 124, bytes: 12 };
const SUM = { at: 148, bytes: 8 };

/** Where a member's bytes lie in its file. */
export interface TarMember {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

/** A member as it stands in the file. The same content makes the same bytes, whoever writes them and when. */
export function tarMember(name: string, content: Uint8Array): Buffer {
  const member = Buffer.alloc(BLOCK + filled(content.length));
  member.write(name, NAME.at, 'latin1');
  for (const [at, octal] of [
    [100, '0000644'],
    [108, '0000000'],
    [116, '0000000'],
    [SIZE.at, content.length.toString(8).padStart(11, '0')],
    [136, '00000000000'],
    // The sum counts its own field as spaces.
    [SUM.at, ' '.repeat(SUM.bytes)],
    [156, '0'],
    [257, 'ustar\x0000'],
  ] as const) {
    member.write(octal, at, 'latin1');
  }
  const sum = member.subarray(0, BLOCK).reduce((total, byte) => total + byte, 0);
  member.write(`${sum.toString(8).padStart(6, '0')}\0 `, SUM.at, 'latin1');
  member.set(content, BLOCK);
  return member;
}

export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);

/** The members of a tar that `tarMember` made, in their order. */
export function tarMembers(file: string): TarMember[] {
  const found: TarMember[] = [];
  const header = Buffer.alloc(BLOCK);
  const text = ({ at, bytes }: typeof NAME): string => header.toString('latin1', at, at + bytes).replace(/\0.*$/s, '');
  const handle = openSync(file, 'r');
  try {
    for (let at = 0; readSync(handle, header, 0, BLOCK, at) === BLOCK && header[0] !== 0;) {
      const bytes = Number.parseInt(text(SIZE), 8);
      found.push({ name: text(NAME), offset: at + BLOCK, bytes });
      at += BLOCK + filled(bytes);
    }
    return found;
  } finally {
    closeSync(handle);
  }
}

function filled(bytes: number): number {
  return Math.ceil(bytes / BLOCK) * BLOCK;
}
