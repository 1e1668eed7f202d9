import path from 'node:path';
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseSpace } from './space-schema.ts';
import { bandedArchitectures } from '../nas/space/bands.ts';
import { archCodes, stratifiedArchitectures } from '../nas/space/sampling.ts';
import type { Architecture, Space } from '../nas/space/space.ts';
import { BadInput } from '../plan/endings.ts';

/**
 * Draws subnets and prints their arch codes, one a line: stratified over size, or so many in each of several bands of
 * equal size, given by their parameters.
 *
 *     npx tsx configs/draw-subnets.ts fashion 35 1 > configs/subnets/fashion-ground-truth.txt
 *     npx tsx configs/draw-subnets.ts fashion 28 1 --bands 3000,4500 --classes 10
 */

const USAGE = 'usage: npx tsx configs/draw-subnets.ts <space> <count> [seed] [--bands <parameters>,… --classes <n>]';
const WHOLE = /^[1-9]\d*$/;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { bands: { type: 'string' }, classes: { type: 'string', default: '' } },
});
const [name = '', count = '', seed = '0', ...others] = positionals;
const bands = values.bands?.split(',') ?? [];
const numbers = [count, ...bands, ...(bands.length > 0 ? [values.classes] : [])];
const folder = path.join(import.meta.dirname, 'spaces');
const known = readdirSync(folder).map((file) => path.parse(file).name);
if (!known.includes(name)) {
  const got = `got ${JSON.stringify(name)}; known: ${known.join(', ')}`;
  refuse(`space: expected a name of configs/spaces, ${got}\n${USAGE}`);
}
if (others.length > 0 || !/^\d+$/.test(seed) || !numbers.every((text) => WHOLE.test(text))) refuse(USAGE);
try {
  const file = path.join(folder, `${name}.yml`);
  const space = parseSpace(readFileSync(file, 'utf8'), file);
  console.log(archCodes(space, drawn(space)).join('\n'));
} catch (error) {
  if (!(error instanceof BadInput)) throw error;
  refuse(error.message);
}

function drawn(space: Space): Architecture[] {
  const [subnets, from] = [Number(count), Number(seed)];
  if (bands.length === 0) return stratifiedArchitectures(space, subnets, from);
  const sizes = { parameters: bands.map(Number), count: subnets, seed: from, classes: Number(values.classes) };
  return bandedArchitectures(space, sizes).flat();
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
